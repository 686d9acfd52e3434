package proto

import (
	"math/bits"
	"strings"
	"testing"
)

// values are a good value for each field of a change.
var values = []string{
	``, `12`, `0`, `"x"`, `5`, `"file"`, hexHash, `6`, `420`, `0`, `3`, `4`, `true`,
}

// TestOpFields tries every op with every set of fields: it takes those that must be there, with any of those that may,
// and nothing else.
func TestOpFields(t *testing.T) {
	for op := OpPut; op <= OpDelete; op++ {
		taken := 0
		for set := uint32(0); set < 1<<len(values); set += 2 { // the op itself always
			var b strings.Builder
			b.WriteString(`{"key":` + hexKey + `,"changes":[{"op":"delete","node":1},{"op":"` + op.String() + `"`)
			for i := 1; i < len(values); i++ {
				if set&(1<<i) != 0 {
					b.WriteString(`,"` + changeFields[i].name + `":` + values[i])
				}
			}
			b.WriteString(`}]}`)
			place := set & (hasParent | hasParentEntry)
			has := set
			if place == hasParentEntry {
				has ^= hasParent | hasParentEntry
			}
			want := place != hasParent|hasParentEntry && has&opFields[op].must == opFields[op].must && has&^(opFields[op].must|opFields[op].may) == 0
			_, err := ParseCommit([]byte(b.String()))
			if (err == nil) != want {
				t.Fatalf("%s: %v", b.String(), err)
			}
			if err == nil {
				taken++
			} else if e := err.(*Error); e.Code != BadHeader || e.Entry != 1 {
				t.Fatalf("%s: %v", b.String(), err)
			}
		}
		places := 1 + int(opFields[op].must>>1&1)
		if want := places << bits.OnesCount32(opFields[op].may); taken != want {
			t.Errorf("%s: %d sets of fields taken, want %d", op, taken, want)
		}
	}
}

func TestChanges(t *testing.T) {
	put := `{"op":"put","parent":1,"name":"x","kind":"file","hash":` + hexHash + `,"size":6,"mode":420,"mtime":0}`
	edit := func(from, to string) string { return strings.Replace(put, from, to, 1) }
	for _, c := range []struct {
		name, entry string
		code        Code
	}{
		{"put", put, OK},
		{"an empty file", edit(`"size":6`, `"size":0`), OK},
		{"the greatest file", edit(`"size":6`, `"size":17592186044416`), OK},
		{"a larger one", edit(`"size":6`, `"size":17592186044417`), BadHeader},
		{"a file of 2^32 bytes", edit(`"size":6`, `"size":4294967296`), OK},
		{"a link", edit("file", "link"), OK},
		{"a link of 4096 bytes", strings.Replace(edit("file", "link"), `"size":6`, `"size":4096`, 1), BadHeader},
		{"an empty link", strings.Replace(edit("file", "link"), `"size":6`, `"size":0`, 1), BadHeader},
		{"a put folder", edit("file", "folder"), BadHeader},
		{"before 1970", edit(`"mtime":0`, `"mtime":-1`), OK},
		{"the first time", edit(`"mtime":0`, `"mtime":-9223372036854775808`), OK},
		{"before the first time", edit(`"mtime":0`, `"mtime":-9223372036854775809`), BadHeader},
		{"the last time", edit(`"mtime":0`, `"mtime":9223372036854775807`), OK},
		{"minus nothing", edit(`"mtime":0`, `"mtime":-0`), BadHeader},
		{"two minuses", edit(`"mtime":0`, `"mtime":--1`), BadHeader},
		{"all permissions", edit(`"mode":420`, `"mode":511`), OK},
		{"setuid", edit(`"mode":420`, `"mode":2541`), BadHeader},
		{"into itself", edit(`"parent":1`, `"parent_entry":1`), BadHeader},
		{"into a later entry", edit(`"parent":1`, `"parent_entry":2`), BadHeader},
		{"into an earlier entry", edit(`"parent":1`, `"parent_entry":0`), OK},
		{"into no folder", edit(`"parent":1`, `"parent":0`), BadHeader},
		{"a name that climbs", edit(`"x"`, `".."`), BadName},
		{"expecting nothing there", edit(`"mtime":0`, `"mtime":0,"expect":0`), OK},
		{"expecting less than nothing", edit(`"mtime":0`, `"mtime":0,"expect":-1`), BadHeader},
		{"an unknown op", edit(`"put"`, `"chmod"`), BadHeader},
		{"no object", `[]`, BadHeader},
	} {
		raw := `{"key":` + hexKey + `,"changes":[{"op":"delete","node":1},` + c.entry + `]}`
		_, err := ParseCommit([]byte(raw))
		switch {
		case c.code == OK && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.code != OK && err == nil:
			t.Errorf("%s: let through", c.name)
		case c.code != OK && err.(*Error).Code != c.code:
			t.Errorf("%s: %v", c.name, err)
		case c.code != OK && strings.HasPrefix(err.(*Error).Message, "not JSON"):
		case c.code != OK && err.(*Error).Entry != 1:
			t.Errorf("%s: the entry is not named: %v", c.name, err)
		}
	}
}

// TestExpectAny: an absent expectation and 0 are not the same.
func TestExpectAny(t *testing.T) {
	for _, c := range []Change{
		{Op: OpMove, Node: 1, Parent: Place{Node: 2}, Name: "x", Expect: ExpectAny, ExpectNode: 0},
		{Op: OpMove, Node: 1, Parent: Place{Node: 2}, Name: "x", Expect: 0, ExpectNode: ExpectAny},
		{Op: OpDelete, Node: 1, Expect: 0, ExpectNode: ExpectAny},
	} {
		x, err := ParseCommit((&Commit{Changes: []Change{c}}).Append(nil))
		if err != nil || x.Changes[0] != c {
			t.Errorf("%+v came back as %+v, %v", c, x, err)
		}
	}
}
