package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func namesOf(list []Entry) (names []string) {
	for _, e := range list {
		names = append(names, e.Name)
	}
	return names
}

func TestListOrder(t *testing.T) {
	s, w := newSample(t)
	for _, c := range []struct {
		name      string
		node      int64
		recursive bool
		want      []string
	}{
		{"all", 0, true, []string{"a", "b", "f1", "f2", "e", "l"}},
		{"children", 0, false, []string{"a", "e", "l"}},
		{"by node", w.Root, false, []string{"a", "e", "l"}},
		{"below", at(t, s, w, "a").Node, true, []string{"b", "f1", "f2"}},
		{"children below", at(t, s, w, "a").Node, false, []string{"b", "f2"}},
		{"nothing", at(t, s, w, "e").Node, true, nil},
	} {
		for page := 1; page < 8; page++ {
			if got := namesOf(listAll(t, s, w, c.node, c.recursive, page)); !slices.Equal(got, c.want) {
				t.Errorf("%s by %d: %q", c.name, page, got)
			}
		}
	}
	if _, _, _, err := s.List(w, 0, at(t, s, w, "l").Node, false, 0, func(Entry) bool { return true }); !errors.Is(err, ErrNotFolder) {
		t.Errorf("a link: %v", err)
	}
	if _, _, _, err := s.List(w, 0, 1<<40, false, 0, func(Entry) bool { return true }); !errors.Is(err, ErrNotFound) {
		t.Errorf("nothing: %v", err)
	}
}

// A folder of more children than are read at a time.
func TestListWide(t *testing.T) {
	s, w := newTree(t, 10)
	var want []string
	for part := range 3 {
		var changes []Change
		for i := range 1000 {
			want = append(want, fmt.Sprintf("%05d", part*1000+i))
			changes = append(changes, putOf(w.Root, want[len(want)-1], i%10))
		}
		mustApply(t, s, w, changes...)
	}
	for _, page := range []int{1000, 777, 5000} {
		if got := namesOf(listAll(t, s, w, 0, true, page)); !slices.Equal(got, want) {
			t.Errorf("by %d: %d names", page, len(got))
		}
	}
}

// A page is asked for when the tree has changed since the one before.
func TestListGoesOn(t *testing.T) {
	for _, c := range []struct {
		name   string
		after  string
		change func(s *Store, w Who) []Change
		want   []string // after it
		err    error
	}{
		{"unchanged", "a/b/f1", nil, []string{"f2", "e", "l"}, nil},
		{"deleted", "a/b/f1", func(s *Store, w Who) []Change {
			return []Change{{Op: OpDelete, Node: at(t, s, w, "a/b/f1").Node, Expect: ExpectAny}}
		}, []string{"f2", "e", "l"}, nil},
		{"deleted with its folder", "a/b/f1", func(s *Store, w Who) []Change {
			return []Change{
				{Op: OpDelete, Node: at(t, s, w, "a/b/f1").Node, Expect: ExpectAny},
				{Op: OpDelete, Node: at(t, s, w, "a").Node, Expect: ExpectAny, Recursive: true},
			}
		}, []string{"e", "l"}, nil},
		{"below a deleted folder", "a/b/f1", func(s *Store, w Who) []Change {
			return []Change{{Op: OpDelete, Node: at(t, s, w, "a").Node, Expect: ExpectAny, Recursive: true}}
		}, []string{"e", "l"}, nil},
		{"a deleted folder", "a", func(s *Store, w Who) []Change {
			return []Change{{Op: OpDelete, Node: at(t, s, w, "a").Node, Expect: ExpectAny, Recursive: true}}
		}, []string{"e", "l"}, nil},
		{"renamed", "a/b", func(s *Store, w Who) []Change {
			return []Change{{Op: OpMove, Node: at(t, s, w, "a/b").Node, Parent: Place{Node: at(t, s, w, "a").Node}, Name: "z", ExpectNode: ExpectAny}}
		}, []string{"f1", "e", "l"}, nil}, // f2 is passed over: the journal number tells
		{"put anew", "a/f2", func(s *Store, w Who) []Change {
			f2 := at(t, s, w, "a/f2")
			return []Change{{Op: OpDelete, Node: f2.Node, Expect: ExpectAny}, putOf(f2.Parent, "f2", 4), putOf(f2.Parent, "g", 4)}
		}, []string{"g", "e", "l"}, nil},
		{"elsewhere", "l", func(s *Store, w Who) []Change { return nil }, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, w := newSample(t)
			after := at(t, s, w, c.after).Node
			if c.change != nil {
				mustApply(t, s, w, c.change(s, w)...)
			}
			var got []Entry
			_, _, more, err := s.List(w, 0, 0, true, after, func(e Entry) bool { got = append(got, e); return true })
			if !errors.Is(err, c.err) || more || !slices.Equal(namesOf(got), c.want) {
				t.Errorf("%q, %v, %v", namesOf(got), more, err)
			}
		})
	}
	s, w := newSample(t)
	for _, after := range []int64{1 << 40, at(t, s, w, "l").Node, at(t, s, w, "a").Node, w.Root} {
		if _, _, _, err := s.List(w, 0, at(t, s, w, "a").Node, true, after, func(Entry) bool { return true }); after != at(t, s, w, "a").Node && !errors.Is(err, ErrConflict) {
			t.Errorf("after %d, which is not below: %v", after, err)
		}
	}
}

func TestStat(t *testing.T) {
	s, w := newSample(t)
	for _, c := range []struct {
		node int64
		path []string
		want []string
	}{
		{0, nil, []string{""}},
		{w.Root, []string{"a", "b", "f1"}, []string{"", "a", "b", "f1"}},
		{0, []string{"a", "x", "f1"}, []string{"", "a"}},
		{0, []string{"l", "x"}, []string{"", "l"}},
		{0, []string{"..", "a"}, []string{""}},
		{0, []string{""}, []string{""}},
		{at(t, s, w, "a").Node, []string{"f2"}, []string{"a", "f2"}},
	} {
		_, journal, found, err := s.Stat(w, 0, c.node, c.path)
		if err != nil || !slices.Equal(namesOf(found), c.want) || journal != 7 {
			t.Errorf("%d %q: %q at %d, %v", c.node, c.path, namesOf(found), journal, err)
		}
	}
	if _, _, _, err := s.Stat(w, 0, 1<<40, nil); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if root := at(t, s, w, "a"); root.Parent != w.Root || root.Version < 1 {
		t.Error(root)
	}
}
