package proto

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// hostile is one frame that a server must refuse, and the code it must refuse it with on a connection that has logged
// in. OK: the frame stands at the very edge and is let through.
type hostile struct {
	name  string
	code  Code
	frame []byte
}

// judge does what a server does with a request before it acts on it.
func judge(frame []byte) Code {
	p, err := ParsePrelude(frame)
	if err != nil {
		return err.(*Error).Code
	}
	row, err := p.CheckRequest()
	if err != nil {
		return err.(*Error).Code
	}
	raw := frame[PreludeLen:]
	if uint64(len(raw)) < uint64(p.HeaderLen) {
		return Timeout // a server would wait for the rest
	}
	h, err := row.Parse(raw[:p.HeaderLen])
	if err != nil {
		return err.(*Error).Code
	}
	if e := row.Body(h, p.BodyLen); e != nil {
		return e.Code
	}
	return OK
}

const (
	hexHash  = `"8e4c7c1b99dbfd50e7a95185fead5ee1448fa904a2fdd778eaf5f2dbfd629a99"`
	hexKey   = `"00112233445566778899aabbccddeeff"`
	getHello = `{"hash":` + hexHash + `}`
)

// preludes are hostile in their first 24 bytes.
func preludes() []hostile {
	of := func(p Prelude) []byte {
		p.Version = Version
		return p.Append(nil)
	}
	ping := of(Prelude{Type: TypePing})
	with := func(at int, b byte) []byte {
		f := bytes.Clone(ping)
		f[at] = b
		return f
	}
	hs := []hostile{
		{"ping", OK, ping},
		{"magic/first", BadPrelude, with(0, 0xF4)},
		{"magic/last", BadPrelude, with(3, 'c')},
		{"magic/zeros", BadPrelude, make([]byte, PreludeLen)},
		{"magic/http", BadPrelude, []byte("GET / HTTP/1.1\r\nHost: here\r\n\r\n")},
		{"version/0", BadPrelude, with(4, 0)},
		{"version/2", BadPrelude, with(4, 2)},
		{"version/255", BadPrelude, with(4, 255)},
		{"flags/reply", BadPrelude, with(5, FlagReply)},
		{"flags/error", BadPrelude, with(5, FlagReply|FlagError)},
		{"flags/closing", BadPrelude, with(5, FlagClosing)},
		{"flags/unknown", BadPrelude, with(5, 1<<3)},
		{"flags/all", BadPrelude, with(5, 0xFF)},
		{"type/0", UnknownType, of(Prelude{Type: 0})},
		{"type/9", UnknownType, of(Prelude{Type: 9})},
		{"type/max", UnknownType, of(Prelude{Type: math.MaxUint16})},
		{"type/before-lengths", UnknownType, of(Prelude{Type: 0, HeaderLen: math.MaxUint32, BodyLen: math.MaxUint64})},
	}
	for i := range Types {
		r := &Types[i]
		hs = append(hs,
			hostile{r.Name + "/header/limit", Timeout, of(Prelude{Type: r.Type, HeaderLen: r.MaxHeader})},
			hostile{r.Name + "/header/limit+1", TooLarge, of(Prelude{Type: r.Type, HeaderLen: r.MaxHeader + 1})},
			hostile{r.Name + "/header/-1", TooLarge, of(Prelude{Type: r.Type, HeaderLen: math.MaxUint32})},
			hostile{r.Name + "/body/limit+1", TooLarge, of(Prelude{Type: r.Type, BodyLen: r.MaxBody + 1})},
			hostile{r.Name + "/body/2^63", TooLarge, of(Prelude{Type: r.Type, BodyLen: 1 << 63})},
			hostile{r.Name + "/body/-1", TooLarge, of(Prelude{Type: r.Type, BodyLen: math.MaxUint64})},
		)
		if _, err := r.Parse(nil); err != nil { // {} lacks a field
			hs = append(hs, hostile{r.Name + "/header/0", BadHeader, of(Prelude{Type: r.Type})})
		}
	}
	return hs
}

// headers are hostile in their JSON.
func headers() []hostile {
	var hs []hostile
	add := func(name string, code Code, t Type, header, body string) {
		hs = append(hs, hostile{name, code, frame(Prelude{Type: t}, []byte(header), body)})
	}
	bad := func(name, header string) { add("json/"+name, BadHeader, TypeGet, header, "") }
	add("json/fine", OK, TypeGet, getHello, "")
	add("json/white-space", OK, TypeGet, " {\t\"hash\" :\r\n"+hexHash+" } ", "")
	add("json/escaped-key", OK, TypeGet, `{"ha\u0073h":`+hexHash+`}`, "")
	add("json/empty-object", OK, TypeQuota, `{}`, "")
	bad("nothing-but-spaces", "   ")
	bad("text", "hash")
	bad("cut", getHello[:len(getHello)-1])
	bad("two", getHello+getHello)
	bad("trailing-comma", getHello[:len(getHello)-1]+",}")
	bad("trailing-bytes", getHello+"\x00")
	bad("comment", "/**/"+getHello)
	bad("byte-order-mark", "\uFEFF"+getHello)
	bad("array", "["+getHello+"]")
	bad("null", "null")
	bad("string", `"hash"`)
	bad("number", "1")
	bad("single-quotes", strings.ReplaceAll(getHello, `"`, "'"))
	bad("control-character", "{\"hash\n\":1}")
	bad("not-utf8", "{\"hash\":\"\xff\"}")
	bad("not-utf8-outside", getHello+"\xc3")
	bad("overlong", "{\"hash\":\"\xc0\xaf\"}")
	bad("surrogate-bytes", "{\"hash\":\"\xed\xa0\x80\"}")
	bad("unbalanced", `]]]]]]]]]`+getHello)
	bad("empty-key", `{"":1,"hash":`+hexHash+`}`)
	bad("unknown", `{"hash":`+hexHash+`,"colour":1}`)
	bad("unknown-case", `{"Hash":`+hexHash+`}`)
	bad("doubled", `{"hash":`+hexHash+`,"hash":`+hexHash+`}`)
	bad("doubled-escaped", `{"hash":`+hexHash+`,"h\u0061sh":`+hexHash+`}`)
	bad("lacking", `{"offset":1}`)
	for name, value := range map[string]string{
		"-1": "-1", "1.9": "1.9", "1e3": "1e3", "1E3": "1E3", "23-digits": "12345678901234567890123", "-0": "-0", "01": "01", "0x10": "0x10",
		"+1": "+1", "2^63": "9223372036854775808", "2^64": "18446744073709551616", "2^64-1": "18446744073709551615", "-2^63": "-9223372036854775808",
		"1.0": "1.0", "1e0": "1e0", "nan": "NaN", "infinity": "Infinity", "string": `"1"`, "null": "null", "true": "true", "array": "[1]", "object": "{}",
	} {
		bad("number/"+name, `{"hash":`+hexHash+`,"offset":`+value+`}`)
	}
	add("json/number/2^63-1", OK, TypeGet, `{"hash":`+hexHash+`,"offset":9223372036854775807}`, "")
	add("json/number/0", OK, TypeGet, `{"hash":`+hexHash+`,"offset":0}`, "")
	for name, value := range map[string]string{
		"63-digits": hexHash[:len(hexHash)-2] + `"`, "65-digits": hexHash[:len(hexHash)-1] + `0"`, "upper-case": strings.ToUpper(hexHash),
		"not-hex": `"` + strings.Repeat("g", 64) + `"`, "empty": `""`, "number": "7", "null": "null",
	} {
		bad("hash/"+name, `{"hash":`+value+`}`)
	}
	add("json/depth/8", BadHeader, TypeGet, `{"x":`+strings.Repeat("[", 7)+strings.Repeat("]", 7)+"}", "") // an unknown field
	bad("depth/9", `{"x":`+strings.Repeat("[", 8)+strings.Repeat("]", 8)+"}")
	bad("depth/open", strings.Repeat("[", 4000))
	bad("depth/objects", strings.Repeat(`{"x":`, 700)+"1"+strings.Repeat("}", 700))
	bad("depth/in-a-string-is-text", `{"hash":"[[[[[[[[[[[[[["}`)
	return append(hs, names()...)
}

// names are hostile in a name. Each is tried as the name of a commit's entry and in a path.
func names() []hostile {
	var hs []hostile
	for _, n := range []struct {
		name string
		code Code
		text string // between the quotes
	}{
		{"plain", OK, `a.txt`},
		{"empty", BadName, ``},
		{"dot", BadName, `.`},
		{"dot-dot", BadName, `..`},
		{"dot-dot-dot", OK, `...`},
		{"slash", BadName, `a/b`},
		{"slash-escaped", BadName, `a\/b`},
		{"slash-percent", BadName, `a%2Fb`},
		{"up-and-out", BadName, `../../etc/passwd`},
		{"dots-percent", BadName, `%2E%2E`},
		{"nul", BadName, `a\u0000b`},
		{"nul-percent", BadName, `a%00b`},
		{"newline", OK, `a\nb`},
		{"escape-sequence", OK, `\u001b[2J`},
		{"newline-percent", BadName, `a%0Ab`},
		{"percent-41", BadName, `%41`},
		{"percent-lower-case", BadName, `%ff`},
		{"percent-mixed-case", BadName, `%fF`},
		{"percent-percent", OK, `100%25`},
		{"percent-bare", BadName, `100%`},
		{"percent-half", BadName, `100%2`},
		{"percent-not-hex", BadName, `100%GG`},
		{"byte", OK, `%FF`},
		{"valid-utf8-escaped", BadName, `%C3%A9`},
		{"valid-utf8", OK, `é`},
		{"half-character", OK, `%C3x`},
		{"surrogate-escaped-bytes", OK, `%ED%A0%80`},
		{"surrogate-half", BadHeader, `\ud800`},
		{"surrogate-halves-turned", BadHeader, `\udc00\ud800`},
		{"surrogate-pair", OK, `\ud83d\ude00`},
		{"replacement-character", OK, `\ufffd`},
		{"not-utf8", BadHeader, "\xff"},
		{"255-bytes", OK, strings.Repeat("x", 255)},
		{"256-bytes", BadName, strings.Repeat("x", 256)},
		{"255-bytes-escaped", OK, strings.Repeat("%FF", 255)},
		{"256-bytes-escaped", BadName, strings.Repeat("%FF", 256)},
		{"128-characters-of-2-bytes", BadName, strings.Repeat("é", 128)},
	} {
		hs = append(hs,
			hostile{"name/commit/" + n.name, n.code, frame(Prelude{Type: TypeCommit}, []byte(`{"key":`+hexKey+
				`,"changes":[{"op":"mkdir","parent":1,"name":"`+n.text+`","mode":493,"mtime":0}]}`), "")},
			hostile{"name/stat/" + n.name, n.code, frame(Prelude{Type: TypeStat}, []byte(`{"path":["`+n.text+`"]}`), "")},
			hostile{"name/login/" + n.name, n.code, frame(Prelude{Type: TypeLogin}, []byte(`{"user":"`+n.text+
				`","password":"p","device":"d"}`), "")},
		)
	}
	return hs
}

func TestHostilePreludes(t *testing.T) { refused(t, preludes()) }
func TestHostileHeaders(t *testing.T)  { refused(t, headers()) }

func refused(t *testing.T, hs []hostile) {
	for _, h := range hs {
		if got := judge(h.frame); got != h.code {
			t.Errorf("%s: %v, want %v: %.200q", h.name, got, h.code, h.frame)
		}
	}
}

// TestHostileFile keeps testdata/proto/hostile.txt, which tests of running servers, and clients' and servers' authors
// elsewhere, can use: name, code and frame as a quoted string.
func TestHostileFile(t *testing.T) {
	var b bytes.Buffer
	written := map[string]bool{}
	for _, h := range append(preludes(), headers()...) {
		if written[h.name] {
			t.Errorf("two frames called %s", h.name)
		}
		written[h.name] = true
		if h.code != OK && h.code != Timeout {
			fmt.Fprintf(&b, "%s\t%d\t%s\n", h.name, h.code, strconv.QuoteToASCII(string(h.frame)))
		}
	}
	lines := slices.Sorted(strings.Lines(b.String()))
	path := filepath.Join(golden, "hostile.txt")
	if *update {
		if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	count := 0
	for s := bufio.NewScanner(f); s.Scan(); count++ {
		column := strings.Split(s.Text(), "\t")
		if len(column) != 3 {
			t.Fatalf("line %d: %d columns", count+1, len(column))
		}
		frame, err := strconv.Unquote(column[2])
		if err != nil {
			t.Fatalf("line %d: %v", count+1, err)
		}
		if got := strconv.Itoa(int(judge([]byte(frame)))); got != column[1] {
			t.Errorf("%s: code %s, want %s", column[0], got, column[1])
		}
	}
	if count != len(lines) {
		t.Errorf("hostile.txt has %d frames, the tables %d: run with -update", count, len(lines))
	}
}

// TestDeep nests ten million deep: an error in linear time, where a parser that recurses would end the process.
func TestDeep(t *testing.T) {
	deep := bytes.Repeat([]byte("["), 10_000_000)
	if err := scan(deep); err == nil || err.Code != BadHeader {
		t.Errorf("scan: %v", err)
	}
	for i := range Types {
		if _, err := Types[i].Parse(deep); err == nil {
			t.Errorf("%s took it", Types[i].Name)
		}
		if _, err := Types[i].ParseReply(deep[:MaxReplyHeader]); err == nil {
			t.Errorf("%s took it as a reply", Types[i].Name)
		}
	}
	if _, err := ParseError(deep[:MaxReplyHeader]); err == nil {
		t.Error("ParseError took it")
	}
}
