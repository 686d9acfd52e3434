package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// logOf draws what happened below a node, a line an event, a page of so many at a time.
func logOf(t *testing.T, s *Store, w Who, node, since int64, perPage int) []string {
	t.Helper()
	var lines []string
	for before := int64(0); ; {
		n := 0
		_, _, next, err := s.Log(w, 0, node, before, since, func(e Event) bool {
			if n == perPage {
				return false
			}
			n++
			what := [...]string{Put: "put", Changed: "changed", WasMoved: "moved", WasDeleted: "deleted", CameAgain: "restored"}[e.What]
			line := fmt.Sprintf("%s %s %d", what, strings.Join(e.Path, "/"), e.Size)
			if e.From != nil {
				line += " from " + strings.Join(e.From, "/")
			}
			if e.At == 0 || e.Number == 0 {
				t.Errorf("%s lacks its time or number", line)
			}
			lines = append(lines, line)
			return true
		})
		must(t, err)
		if next == 0 {
			return lines
		}
		before = next
	}
}

// Whatever happened below a folder is told with the names things had then, the latest first, whatever the page.
func TestLog(t *testing.T) {
	s, w := newTree(t, 10)
	f := mustApply(t, s, w, mkdirOf(w.Root, "a"), mkdirOf(w.Root, "b"))
	a, b := f[0].Node, f[1].Node
	x := mustApply(t, s, w, putOf(a, "x", 1))[0].Node
	g := putOf(a, "x", 2)
	g.Expect = ExpectAny
	mustApply(t, s, w, g)
	middle := now()
	mustApply(t, s, w,
		Change{Op: OpMove, Node: x, Parent: Place{Node: b}, Name: "y", ExpectNode: ExpectAny},
		Change{Op: OpMove, Node: b, Parent: Place{Node: w.Root}, Name: "c", ExpectNode: ExpectAny},
		Change{Op: OpSet, Node: x, Mode: 0o600, Mtime: 5, Expect: ExpectAny})
	last := mustApply(t, s, w, Change{Op: OpDelete, Node: x, Expect: ExpectAny})[0].Version
	_, _, err := restore(s, w, Restore{Trash: last})
	must(t, err)
	mustApply(t, s, w, Change{Op: OpDelete, Node: a, Expect: ExpectAny, Recursive: true})
	all := []string{"deleted a 0", "restored c/y 200", "deleted c/y 200", "moved c 0 from b", "moved b/y 200 from a/x", "changed a/x 200", "put a/x 100", "put b 0", "put a 0"}
	for perPage := 1; perPage < 11; perPage++ {
		if got := logOf(t, s, w, 0, 0, perPage); !slices.Equal(got, all) {
			t.Fatalf("%d a page:\n%s\nnot\n%s", perPage, strings.Join(got, "\n"), strings.Join(all, "\n"))
		}
	}
	if got := logOf(t, s, w, 0, middle, 3); !slices.Equal(got, all[:5]) {
		t.Errorf("since the middle:\n%s", strings.Join(got, "\n"))
	}
	if got, want := logOf(t, s, w, b, 0, 2), []string{"restored c/y 200", "deleted c/y 200", "moved c 0 from b", "moved b/y 200 from a/x", "put b 0"}; !slices.Equal(got, want) {
		t.Errorf("below b:\n%s", strings.Join(got, "\n"))
	}
	if _, _, _, err := s.Log(w, 0, a, 0, 0, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("of a deleted folder: %v", err)
	}
	if _, _, _, err := s.Log(Who{Account: 99}, w.Namespace, 0, 0, 0, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("of somebody else's: %v", err)
	}
}

// A path has the versions of all that stood there, in whatever folder of its name.
func TestVersionsOfPath(t *testing.T) {
	s, w := newTree(t, 10)
	put := func(parent int64, name string, content int) int64 {
		c := putOf(parent, name, content)
		c.Expect = ExpectAny
		return mustApply(t, s, w, c)[0].Node
	}
	d := mustApply(t, s, w, mkdirOf(w.Root, "d"))[0].Node
	put(d, "f", 1)
	put(d, "f", 2)
	mustApply(t, s, w, Change{Op: OpDelete, Node: d, Expect: ExpectAny, Recursive: true})
	d = mustApply(t, s, w, mkdirOf(w.Root, "d"))[0].Node
	other := put(d, "f", 3)
	mustApply(t, s, w, Change{Op: OpMove, Node: other, Parent: Place{Node: d}, Name: "g", ExpectNode: ExpectAny})
	put(d, "g", 4) // of what stood at d/f before, but not there
	h := put(d, "h", 5)
	put(d, "h", 6)
	mustApply(t, s, w, Change{Op: OpMove, Node: h, Parent: Place{Node: d}, Name: "f", ExpectNode: ExpectAny})
	var got []string
	_, _, _, err := s.Versions(w, 0, 0, []string{"d", "f"}, 0, func(v Version) bool {
		for i := range 10 {
			if v.Hash == contentHash(i) {
				got = append(got, fmt.Sprint(i, v.Name, v.How, v.Made > 0))
			}
		}
		return true
	})
	want := []string{"6 f 0 true", "5 h 1 true", "2 f 2 true", "1 f 1 true"}
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], " ", "")
	}
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], " ", "")
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, not %v", got, err, want)
	}
	for _, path := range [][]string{{"x"}, {"x", "f"}, {"d", "f", "z"}} {
		if _, _, _, err := s.Versions(w, 0, 0, path, 0, nil); !errors.Is(err, ErrNotFound) {
			t.Errorf("%v: %v", path, err)
		}
	}
}

// What may not be asked for is refused, and changes nothing.
func TestRestoreRefused(t *testing.T) {
	s, w := newTree(t, 10)
	f := mustApply(t, s, w, mkdirOf(w.Root, "d"), putOf(w.Root, "f", 1))
	then := now()
	n := mustApply(t, s, w, Change{Op: OpDelete, Node: f[1].Node, Expect: ExpectAny})[0].Version
	mustApply(t, s, w, mkdirOf(w.Root, "f"))
	before := tree(t, s, w)
	for _, c := range []struct {
		name string
		r    Restore
		err  error
	}{
		{"a time to come", Restore{At: now() + 1e12}, ErrRange},
		{"before the beginning", Restore{At: 1}, ErrNotKept},
		{"what never was", Restore{Path: []string{"x"}, At: then}, ErrNotFound},
		{"a node of nobody", Restore{Node: 1 << 40, At: then}, ErrNotFound},
		{"below a file", Restore{Path: []string{"f", "x"}, At: then}, ErrNotFound},
		{"a folder in the way", Restore{Path: []string{"f"}, At: then}, ErrIsFolder},
		{"into a missing folder", Restore{Path: []string{"f"}, At: then, Parent: 1 << 40, Name: "x"}, ErrNotFound},
		{"into a deleted file", Restore{Path: []string{"f"}, At: then, Parent: f[1].Node, Name: "x"}, ErrNotFound},
		{"a bad name", Restore{Path: []string{"f"}, At: then, Name: ".."}, ErrRange},
		{"no delete", Restore{Trash: 1}, ErrNotFound},
		{"a delete to come", Restore{Trash: 1 << 40}, ErrNotFound},
		{"its place is taken", Restore{Trash: n}, ErrExists},
	} {
		if _, _, err := restore(s, w, c.r); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, not %v", c.name, err, c.err)
		}
	}
	if after := tree(t, s, w); after != before {
		t.Errorf("the tree is\n%s\nnot\n%s", after, before)
	}
	if _, err := s.Restore(Who{Account: 99}, newOnceTest(), w.Namespace, Restore{At: then}, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("somebody else's: %v", err)
	}
	checkCharges(t, s, w)
}

// To restore what was deleted, and to move, takes nothing of a quota that is used up; an older version does.
func TestRestoreQuota(t *testing.T) {
	s := openSlot(t, newFolder(t, 300), 0, nil)
	w := account(t, s, "ann")
	holdRows(t, s, w, 1, 2) // 100
	f := mustApply(t, s, w, putOf(w.Root, "f", 1))[0].Node
	holdRows(t, s, w, 2, 3) // 200
	c := putOf(w.Root, "f", 2)
	c.Expect = ExpectAny
	then := now()
	mustApply(t, s, w, c, Change{Op: OpMove, Node: f, Parent: Place{Node: w.Root}, Name: "g", ExpectNode: ExpectAny})
	for range 3 {
		n := mustApply(t, s, w, Change{Op: OpDelete, Node: f, Expect: ExpectAny})[0].Version
		if _, _, err := restore(s, w, Restore{Trash: n}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := restore(s, w, Restore{Path: []string{"f"}, At: then}); !errors.Is(err, ErrQuota) {
		t.Errorf("an older version: %v", err)
	}
	if got, err := listAt(s, w, w.Root, then, 10); err != nil || len(got) != 1 || got[0].Hash != contentHash(1) {
		t.Errorf("as of then: %+v, %v", got, err)
	}
	checkCharges(t, s, w)
	checkFaults(t, s)
}
