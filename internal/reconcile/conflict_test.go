package reconcile

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestConflictName(t *testing.T) {
	const tail = " (conflict laptop 2026-11-22"
	for _, c := range []struct {
		name, want string
		folder     bool
		taken      []string
	}{
		{name: "a.txt", want: "a" + tail + ").txt"},
		{name: "a", want: "a" + tail + ")"},
		{name: ".profile", want: ".profile" + tail + ")"},
		{name: ".a.b", want: ".a" + tail + ").b"},
		{name: "a.tar.gz", want: "a.tar" + tail + ").gz"},
		{name: "a.", want: "a." + tail + ")"},
		{name: "v1.2", want: "v1.2" + tail + ")", folder: true},
		{name: "a.a sentence after a dot is no suffix", want: "a.a sentence after a dot is no suffix" + tail + ")"},
		{name: "a.txt", want: "a" + tail + " 3).txt", taken: []string{"a" + tail + ").txt", "a" + tail + " 2).txt"}},
		{name: strings.Repeat("x", 255), want: strings.Repeat("x", 255-len(tail)-1) + tail + ")"},
		{name: strings.Repeat("x", 251) + ".txt", want: strings.Repeat("x", 255-len(tail)-5) + tail + ").txt"},
		{name: strings.Repeat("\u20ac", 85), want: strings.Repeat("\u20ac", 75) + tail + ")"},
		{name: strings.Repeat("\xff", 255), want: strings.Repeat("\xff", 255-len(tail)-1) + tail + ")"},
	} {
		got := ConflictName(c.name, c.folder, "laptop", "2026-11-22", func(name string) bool {
			for _, t := range c.taken {
				if t == name {
					return true
				}
			}
			return false
		})
		if got != c.want || len(got) > 255 {
			t.Errorf("%q: %q of %d bytes, not %q", c.name, got, len(got), c.want)
		}
	}
	free := func(string) bool { return false }
	if got := ConflictName("a", false, "../x\x00\n/y", "z", free); got != "a (conflict ..-x---y z)" {
		t.Errorf("%q", got)
	}
	if got := ConflictName("a.b", false, strings.Repeat("\u20ac", 100), "z", free); !utf8.ValidString(got) || len(got) > 100 {
		t.Errorf("%q", got)
	}
}
