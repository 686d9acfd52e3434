package proto

import (
	"testing"

	"github.com/tidwall/gjson"
)

// same goes through the same value with a cursor and with gjson.
func same(t *testing.T, c *cursor, want gjson.Result) {
	t.Helper()
	switch {
	case want.IsObject():
		if !c.enter('{') {
			t.Fatalf("no object at %d of %q", c.at, c.text)
		}
		first := true
		want.ForEach(func(k, v gjson.Result) bool {
			if !c.more('}', first) {
				t.Fatalf("no member at %d of %q", c.at, c.text)
			}
			first = false
			if _, name := c.key(commitFields, 1); name != k.Str {
				t.Fatalf("key %q, not %q, in %q", name, k.Str, c.text)
			}
			same(t, c, v)
			return true
		})
		if c.more('}', first) {
			t.Fatalf("a member too many at %d of %q", c.at, c.text)
		}
	case want.IsArray():
		if !c.enter('[') {
			t.Fatalf("no array at %d of %q", c.at, c.text)
		}
		first := true
		want.ForEach(func(_, v gjson.Result) bool {
			if !c.more(']', first) {
				t.Fatalf("no value at %d of %q", c.at, c.text)
			}
			first = false
			same(t, c, v)
			return true
		})
		if c.more(']', first) {
			t.Fatalf("a value too many at %d of %q", c.at, c.text)
		}
	case want.Type == gjson.String:
		if s, ok := c.str(); !ok || s != want.Str {
			t.Fatalf("string %q, %v, not %q, in %q", s, ok, want.Str, c.text)
		}
	default:
		if raw := c.token(); raw != want.Raw {
			t.Fatalf("token %q, not %q, in %q", raw, want.Raw, c.text)
		}
	}
}

var cursorSeeds = []string{
	`{}`, ` { } `, `[]`, `[ ]`, `""`, `0`, "\t-1.5e+3\r\n", `true`, `null`, `[1,2 , 3]`, `{"key":"a\"b\\","mode" : "each"}`,
	`{"\u006bey":1,"a":[{"b":[[]]},{}, "c\\"]}`, `["\\","\"",",]}"]`, `{"changes":[{"a":null},{"a":false}],"":""}`, `"\ud83d\ude00\n"`,
}

// What a cursor gives of valid JSON is what gjson gives; of anything else it ends without a panic.
func FuzzCursor(f *testing.F) {
	for _, s := range cursorSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if scan(raw) == nil && gjson.ValidBytes(raw) {
			c := newCursor(raw)
			if same(t, c, gjson.ParseBytes(raw)); c.left() != 0 {
				t.Fatalf("%d bytes left of %q", c.left(), raw)
			}
			return
		}
		_, _ = walk(newCursor(raw), commitFields, func(_ string, v *value) {
			if v.in != nil {
				v.err = changesField.each(v, func(_ int, in *cursor) *Error {
					_, err := walk(in, changeFields, func(string, *value) {})
					return err
				})
				v.in = nil
			}
		})
	})
}
