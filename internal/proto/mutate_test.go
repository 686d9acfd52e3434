package proto

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// member is one field of an object of a golden header, with the way to it and the text around it, so that the header can
// be written again with the field changed.
type member struct {
	path          string // of names, as "changes.op"
	key, raw      string
	before, after string
	first         bool // nothing stands before it in its object
}

// members lists every field of every object in header.
func members(header string) (all []member) {
	var objects func(v gjson.Result, path, before, after string)
	objects = func(v gjson.Result, path, before, after string) {
		at := 0
		find := func(raw string) (string, string) {
			i := at + strings.Index(v.Raw[at:], raw)
			at = i + len(raw)
			return before + v.Raw[:i], v.Raw[at:] + after
		}
		v.ForEach(func(k, x gjson.Result) bool {
			name := path
			var start string
			if v.IsObject() {
				start, _ = find(k.Raw)
				name = strings.TrimPrefix(path+"."+k.Str, ".")
			}
			b, a := find(x.Raw)
			if v.IsObject() {
				all = append(all, member{name, k.Raw, x.Raw, start, a, strings.HasSuffix(start, "{")})
			}
			if x.IsArray() || x.IsObject() {
				objects(x, name, b, a)
			}
			return true
		})
	}
	objects(gjson.Parse(header), "", "", "")
	return all
}

// removed is the header without the member.
func (m member) removed() string {
	if m.first {
		return m.before + strings.TrimPrefix(m.after, ",")
	}
	return strings.TrimSuffix(m.before, ",") + m.after
}

// with is the header with another value.
func (m member) with(raw string) string { return m.before + m.key + ":" + raw + m.after }

// lookup finds the layout of the field at path, below fields. Objects in arrays have the layouts named here.
func lookup(fields []field, path string) *field {
	name, rest, below := strings.Cut(path, ".")
	i := index(fields, name)
	if i < 0 {
		return nil
	}
	if !below {
		return &fields[i]
	}
	return lookup(inside(fields, name), rest)
}

// inside is the layout of the objects in an array field of an object with these fields.
func inside(fields []field, name string) []field {
	switch {
	case &fields[0] == &putObjectsFields[0]:
		return objectFields
	case &fields[0] == &putObjectsReplyFields[0]:
		return entryErrorFields
	case &fields[0] == &commitFields[0]:
		return changeFields
	case &fields[0] == &commitReplyFields[0]:
		return changedFields
	case &fields[0] == &getObjectsReplyFields[0]:
		return gotObjectFields
	case &fields[0] == &uploadsReplyFields[0]:
		return unfinishedFields
	case &fields[0] == &haveReplyFields[0]:
		return challengeFields
	case &fields[0] == &proveFields[0]:
		return proofFields
	case &fields[0] == &extentsReplyFields[0]:
		return extentFields
	case &fields[0] == &versionsReplyFields[0]:
		return keptFields
	case &fields[0] == &logReplyFields[0]:
		return eventFields
	case &fields[0] == &trashReplyFields[0]:
		return trashedFields
	case &fields[0] == &uploadAssembleFields[0]:
		return rangeFields
	}
	return entryFields
}

// mayGo lists the fields without which a golden header still says something that is allowed. The layouts do not tell:
// which fields an entry needs depends on what it is.
func mayGo(row *Row, reply bool, m member) bool {
	path := m.path
	switch name := row.Name + "." + path; {
	case name == "commit.entries.node", name == "commit.entries.version", name == "get-objects.objects.size":
		object, _, _ := strings.Cut(m.before[strings.LastIndex(m.before, "{"):]+m.after, "}")
		return strings.Contains(object, `"code"`) // of what failed nothing more need be said
	case name == "upload-open.size", name == "upload-open.head", name == "upload-open.middle", name == "upload-open.tail":
		return false // a probe is whole, and that of a size; its absence is no field's absence
	case name == "restore.at", name == "restore.name":
		return false // what the others would say without it is refused
	case row.Type == TypeAssemble && !reply:
		return name == "upload-assemble.ranges.from" // means the first content then; but the list of them is needed
	case reply:
		return strings.Contains(" extents.data upload-assemble.present hello.agent quota.limit have.challenges put-objects.failed put-objects.failed.message upload-open.found upload-open.present upload-chunk.present list.more "+
			"commit.entries.message versions.more versions.versions.made versions.versions.by versions.versions.ended versions.versions.ending "+
			"log.next log.events.size log.events.device trash.more trash.names.size trash.names.names trash.names.device probe.held probe.partial uploads.more uploads.uploads.size uploads.uploads.label uploads.uploads.device ", " "+name+" ")
	}
	layout := lookup(layouts[row.Type].request, path)
	if row.Type == TypeCommit && strings.HasPrefix(path, "changes.") {
		return strings.Contains(path, "expect") || strings.HasSuffix(path, "recursive")
	}
	return layout.optional
}

// layout is the fields of a type's headers, for tests: code needs them only where it parses.
type layout struct{ request, reply []field }

var layouts = map[Type]layout{
	TypeHello:        {helloFields, helloReplyFields},
	TypePing:         {},
	TypeLogin:        {loginFields, loginReplyFields},
	TypeDeviceRevoke: {deviceRevokeFields, nil},
	TypeQuota:        {nil, quotaReplyFields},
	TypeHave:         {haveFields, haveReplyFields},
	TypePutObjects:   {putObjectsFields, putObjectsReplyFields},
	TypeUploadOpen:   {uploadOpenFields, uploadOpenReplyFields},
	TypeUploadChunk:  {uploadChunkFields, uploadChunkReplyFields},
	TypeUploadSeal:   {uploadSealFields, nil},
	TypeProbe:        {probeFields, probeReplyFields},
	TypeProve:        {proveFields, proveReplyFields},
	TypeSignature:    {signatureFields, signatureReplyFields},
	TypeExtents:      {extentsFields, extentsReplyFields},
	TypeAssemble:     {uploadAssembleFields, uploadChunkReplyFields},
	TypeCommit:       {commitFields, commitReplyFields},
	TypeList:         {listFields, listReplyFields},
	TypeStat:         {statFields, statReplyFields},
	TypeChanges:      {changesFields, changesReplyFields},
	TypeVersions:     {versionsFields, versionsReplyFields},
	TypeLog:          {logFields, logReplyFields},
	TypeTrash:        {trashFields, trashReplyFields},
	TypeRestore:      {restoreFields, restoreReplyFields},
	TypeTrashEmpty:   {trashEmptyFields, trashEmptyReplyFields},
	TypeGet:          {getFields, getReplyFields},
	TypeGetObjects:   {hashesFields, getObjectsReplyFields},
	TypeUploads:      {uploadsFields, uploadsReplyFields},
	TypeUploadCancel: {uploadCancelFields, nil},
}

// TestMutated takes every golden header apart and, field by field, leaves it out, doubles it, adds one beside it, and
// gives it values of other types and out of range.
func TestMutated(t *testing.T) {
	for i := range Types {
		row := &Types[i]
		s := samples[row.Type]
		t.Run(row.Name+"/request", func(t *testing.T) {
			mutate(t, row, false, string(s.request.Append(nil)), row.Parse, layouts[row.Type].request)
		})
		t.Run(row.Name+"/reply", func(t *testing.T) {
			mutate(t, row, true, string(s.reply.Append(nil)), row.ParseReply, layouts[row.Type].reply)
		})
	}
}

func mutate(t *testing.T, row *Row, reply bool, header string, parse func([]byte) (Header, error), fields []field) {
	wrong := func(what string, m member, header string) {
		t.Helper()
		_, err := parse([]byte(header))
		if err == nil {
			t.Errorf("%s %s was let through: %s", m.path, what, header)
			return
		}
		switch code := err.(*Error).Code; code {
		case BadHeader, BadName, TooLarge:
		default:
			t.Errorf("%s %s: code %v", m.path, what, code)
		}
	}
	if header == "" {
		wrong("unknown field", member{}, `{"x":1}`)
		return
	}
	for _, m := range members(header) {
		f := lookup(fields, m.path)
		if f == nil {
			t.Fatalf("no layout of %s", m.path)
		}
		if _, err := parse([]byte(m.with(m.raw))); err != nil {
			t.Fatalf("the test takes %s apart wrongly: %v", m.path, err)
		}
		if !mayGo(row, reply, m) {
			wrong("removed", m, m.removed())
		} else if _, err := parse([]byte(m.removed())); err != nil {
			t.Errorf("%s cannot be left out: %v", m.path, err)
		}
		wrong("doubled", m, m.with(m.raw+","+m.key+":"+m.raw))
		wrong("with an unknown field beside it", m, m.with(m.raw+`,"colour":1`))
		for _, v := range others(f) {
			wrong("as "+v, m, m.with(v))
		}
	}
}

// others are values that a field must not take.
func others(f *field) []string {
	vs := []string{"null", "{}", "1.9", "1e3", "12345678901234567890123", "-9223372036854775809"}
	if f.want != anInteger {
		vs = append(vs, "1", "-1", "0")
	} else {
		vs = append(vs, `"1"`, "[1]", "01", "-0", "1.0", "9223372036854775808", "18446744073709551615")
		if f.least > -1 {
			vs = append(vs, "-1")
		}
		if f.least > 0 {
			vs = append(vs, fmt.Sprint(f.least-1))
		}
		if f.most < 1<<62 {
			vs = append(vs, fmt.Sprint(f.most+1))
		}
	}
	if f.want != aBool {
		vs = append(vs, "true", "false")
	} else {
		vs = append(vs, `"true"`, "[]", "True")
	}
	switch f.want {
	case aText, aSecret, aName, aPath, aHash, aKey, aBitmap, aBytes, aWord:
		vs = append(vs, `["a"]`, "\"\xff\"", `"\ud800"`)
	}
	switch f.want {
	case aText:
		vs = append(vs, `"a\nb"`, `"\u001b[1m"`, `"\u009b"`)
		fallthrough
	case aSecret:
		vs = append(vs, `"`+strings.Repeat("x", int(f.most)+1)+`"`)
		if f.least > 0 {
			vs = append(vs, `""`)
		}
	case aName:
		vs = append(vs, `""`, `"."`, `".."`, `"a/b"`, `"a\u0000b"`, `"%41"`, `"%ff"`, `"`+strings.Repeat("x", 256)+`"`)
	case aPath:
		vs = append(vs, `""`, `"a/../b"`, `"/a"`, `"a//b"`, `"a/"`, `"a\u0000b"`, `"a/%41"`, `"`+strings.Repeat("x/", int(f.most))+`x"`)
	case aHash, aKey:
		vs = append(vs, `""`, `"00"`, hexKey[:31]+`A"`, `"`+strings.Repeat("A", 64)+`"`, `"`+strings.Repeat("0", 63)+`"`, `"`+strings.Repeat("0", 66)+`"`)
	case aBitmap, aBytes:
		vs = append(vs, `"0"`, `"0A"`, `"`+strings.Repeat("00", int(f.most)+1)+`"`)
	case aWord:
		vs = append(vs, `""`, `"`+strings.ToUpper(f.words[0])+`"`, `"`+f.words[0]+` "`)
	case anArray:
		vs = append(vs, `"a"`, "[null]", "[[]]")
		if f.least > 0 {
			vs = append(vs, "[]")
		}
		if f.name != "path" {
			vs = append(vs, `["a"]`)
		}
		if f.name != "versions" {
			vs = append(vs, "[1]")
		}
	}
	return vs
}
