package proto

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// docs/PROTOCOL.md tells the same as the code: each of its tables stands below a comment that names it, and its columns
// but the last, which is prose, must be what the code says.

func protocol(t *testing.T) string {
	text, err := os.ReadFile("../../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tables finds the rows of every table below a comment `<!-- KIND: NAME -->`, without its head.
func tables(text, kind string) map[string][]string {
	found := map[string][]string{}
	for _, part := range strings.Split(text, "<!-- "+kind+": ")[1:] {
		name, rest, _ := strings.Cut(part, " -->\n")
		var rows []string
		for line := range strings.Lines(rest) {
			if !strings.HasPrefix(line, "|") {
				break
			}
			rows = append(rows, strings.TrimSpace(line))
		}
		if len(rows) >= 2 {
			rows = rows[2:]
		}
		found[name] = rows
	}
	return found
}

// compare holds the rows of one table against the first columns wanted, in their order.
func compare(t *testing.T, name string, rows []string, want [][]string) {
	t.Helper()
	for i, w := range want {
		begin := "| " + strings.Join(w, " | ") + " |"
		if i >= len(rows) || !strings.HasPrefix(rows[i], begin) {
			t.Errorf("table %s, row %d: the code says\n%s", name, i+1, begin)
		} else if last := strings.Trim(rows[i][len(begin):], "| "); last == "" {
			t.Errorf("table %s, row %d says nothing of %s", name, i+1, w[0])
		}
	}
	for _, r := range rows[min(len(rows), len(want)):] {
		t.Errorf("table %s has a row too many: %s", name, r)
	}
}

func TestProtocolTypes(t *testing.T) {
	var want [][]string
	for i := range Types {
		r := &Types[i]
		open, deadline := "no", fmt.Sprintf("%.0f s", r.Deadline.Seconds())
		if r.Open {
			open = "yes"
		}
		if r.Waits {
			deadline += " + `wait_ms`"
		}
		want = append(want, []string{strconv.Itoa(int(r.Type)), "`" + r.Name + "`", open, amount(int64(r.MaxHeader)), amount(int64(r.MaxBody)),
			amount(int64(r.MaxReply)), deadline})
	}
	compare(t, "types", tables(protocol(t), "table")["types"], want)
}

func TestProtocolCodes(t *testing.T) {
	var want [][]string
	for i, c := range codes[1:] {
		again := "no"
		if c.temporary {
			again = "yes"
		}
		want = append(want, []string{strconv.Itoa(i + 1), "`" + c.name + "`", again})
	}
	compare(t, "codes", tables(protocol(t), "table")["codes"], want)
}

func TestProtocolOps(t *testing.T) {
	var want [][]string
	for op := OpPut; op <= OpDelete; op++ {
		want = append(want, []string{"`" + op.String() + "`", fieldNames(opFields[op].must), fieldNames(opFields[op].may)})
	}
	compare(t, "ops", tables(protocol(t), "table")["ops"], want)
}

func fieldNames(set uint32) string {
	var names []string
	for i := range changeFields {
		if set&(1<<i) != 0 {
			names = append(names, "`"+changeFields[i].name+"`")
		}
	}
	return strings.Join(names, " ")
}

func TestProtocolFields(t *testing.T) {
	all := map[string][]field{
		"error": errorFields, "put-objects request: objects": objectFields, "put-objects reply: failed": entryErrorFields,
		"commit request: changes": changeFields, "commit reply: entries": changedFields, "get-objects reply: objects": gotObjectFields, "uploads reply: uploads": unfinishedFields,
		"extents reply: data": extentFields, "upload-assemble request: ranges": rangeFields,
		"entry": entryFields, "versions reply: versions": keptFields, "log reply: events": eventFields, "trash reply: names": trashedFields, "have reply: challenges": challengeFields, "prove request: proofs": proofFields,
	}
	for i := range Types {
		if f := layouts[Types[i].Type].request; f != nil {
			all[Types[i].Name+" request"] = f
		}
		if f := layouts[Types[i].Type].reply; f != nil {
			all[Types[i].Name+" reply"] = f
		}
	}
	found := tables(protocol(t), "fields")
	for name, fields := range all {
		var want [][]string
		for _, f := range fields {
			must := "yes"
			if f.optional {
				must = "no"
			}
			if f.optional && (name == "entry" || name == "commit request: changes") {
				must = "below"
			}
			want = append(want, []string{"`" + f.name + "`", kindOf(&f), rangeOf(&f), must})
		}
		if found[name] == nil {
			t.Errorf("no table of the fields of %s", name)
		}
		compare(t, name, found[name], want)
	}
	for name := range found {
		if all[name] == nil {
			t.Errorf("a table of the fields of %s, which there are not", name)
		}
	}
}

func kindOf(f *field) string {
	return [...]string{anInteger: "integer", aText: "text", aSecret: "string", aBool: "boolean", aName: "name", aPath: "path", aHash: "hash", aKey: "key",
		aBitmap: "bitmap", aBytes: "bytes", aWord: "word", anArray: "array"}[f.want]
}

func rangeOf(f *field) string {
	between := plainNumber(f.least) + " to " + plainNumber(f.most)
	switch f.want {
	case aText, aSecret, aPath, aBitmap, aBytes:
		return between + " bytes"
	case aWord:
		return "`" + strings.Join(f.words, "` `") + "`"
	case aBool:
		return "`true` `false`"
	case aName:
		return "1 to 255 bytes"
	case aHash:
		return "64 digits"
	case aKey:
		return "32 digits"
	}
	switch {
	case f.want == anArray && f.most == math.MaxInt64:
		return "what fits"
	case f.least == f.most:
		return plainNumber(f.least)
	}
	return between
}

func plainNumber(n int64) string {
	switch n {
	case math.MaxInt64:
		return "2^63-1"
	case math.MinInt64:
		return "-2^63"
	}
	return strconv.FormatInt(n, 10)
}

// amount writes a limit as the document does.
func amount(n int64) string {
	switch {
	case n >= 1<<40 && n%(1<<40) == 0:
		return strconv.FormatInt(n>>40, 10) + " TiB"
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	case n >= 1<<10 && n%(1<<10) == 0 && n < 1<<20:
		return strconv.FormatInt(n>>10, 10) + " KiB"
	}
	return plainNumber(n)
}

// TestProtocolLimits: every number that the document names as a limit is the code's.
func TestProtocolLimits(t *testing.T) {
	want := [][]string{}
	for _, l := range []struct {
		name string
		n    int64
	}{
		{"header of a request before log-in", MaxHeaderBefore}, {"header of a request", MaxHeader}, {"header of a batch", MaxHeaderBatch},
		{"header of a reply", MaxReplyHeader}, {"entries of a batch", MaxBatch}, {"body of `put-objects` and `get-objects`", MaxObjectsBody},
		{"chunk of an upload", ChunkSize}, {"size of a content", MaxContent}, {"nesting of a header", MaxDepth}, {"bytes of a name", MaxName},
		{"names in a path", MaxPath}, {"bytes of a link's target", MaxLink}, {"bytes of a token", MaxToken}, {"bytes of an agent", MaxAgent},
		{"bytes of a password", MaxPassword}, {"bytes of an error's text", MaxMessage}, {"milliseconds of a wait", MaxWaitMs},
		{"proofs of one `prove`", MaxProofs},
	} {
		want = append(want, []string{l.name, amount(l.n)})
	}
	compare(t, "limits", tables(protocol(t), "table")["limits"], want)
}

// TestProtocolFrames: the worked examples are the golden frames.
func TestProtocolFrames(t *testing.T) {
	line := regexp.MustCompile(`^[0-9a-f]{8}: ([0-9a-f ]{47})  `)
	parts := strings.Split(protocol(t), "<!-- frame: ")[1:]
	if len(parts) < 4 {
		t.Errorf("%d worked examples", len(parts))
	}
	for _, part := range parts {
		name, rest, _ := strings.Cut(part, " -->\n")
		var got []byte
		for l := range strings.Lines(strings.TrimPrefix(rest, "\n")) {
			m := line.FindStringSubmatch(strings.TrimSpace(l))
			if m == nil {
				if len(got) > 0 {
					break
				}
				continue
			}
			b, err := hex.DecodeString(strings.ReplaceAll(m[1], " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, b...)
		}
		want, err := os.ReadFile(filepath.Join(golden, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s in the document is\n%q\nthe golden frame is\n%q", name, got, want)
		}
	}
}

// TestProtocolPrelude holds the constants of the prelude.
func TestProtocolPrelude(t *testing.T) {
	text := protocol(t)
	for _, s := range []string{"`F5 53 4C 43`", fmt.Sprintf("%d bytes", PreludeLen), "| 0x01 | reply |", "| 0x02 | error |", "| 0x04 | closing |"} {
		if !strings.Contains(text, s) {
			t.Errorf("the document does not say %s", s)
		}
	}
	if hex.EncodeToString([]byte(Magic)) != "f5534c43" || FlagReply != 1 || FlagError != 2 || FlagClosing != 4 || Version != 1 {
		t.Error("the code says otherwise")
	}
}
