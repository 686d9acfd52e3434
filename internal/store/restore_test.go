package store

import "testing"

// What is restored exactly to below itself gets the modes that all had before it: what is changed on the way is also what
// is copied from, a level further down.
func TestRestoreBelowItself(t *testing.T) {
	s, w := newTree(t, 10)
	a := mustApply(t, s, w, mkdirOf(w.Root, "a"))[0].Node
	inner, x := mkdirOf(a, "a"), putOf(a, "x", 1)
	inner.Mode, x.Mode, x.Mtime = 0o700, 0o640, 2
	in := mustApply(t, s, w, inner, x)[0].Node
	deep := putOf(in, "x", 1)
	deep.Mode, deep.Mtime = 0o600, 3
	mustApply(t, s, w, deep)
	then := now()
	later := mustApply(t, s, w, mkdirOf(in, "later"))[0].Node
	done, journal, err := restore(s, w, Restore{Path: []string{"a"}, At: then, Parent: a, Name: "a", Exact: true})
	must(t, err)
	want := `/a folder 0 755 1
/a/a folder 0 755 1
/a/a/a folder 0 700 1
/a/a/a/x file 100 600 3
/a/a/x file 100 640 2
/a/x file 100 640 2
`
	if got := tree(t, s, w); got != want {
		t.Errorf("the tree is\n%s\nnot\n%s", got, want)
	}
	if top := at(t, s, w, "a/a"); top.Node != in || done.Node != in || done.Version != top.Version {
		t.Errorf("the top is told as %+v, it is %+v", done, top)
	}
	if done.Made != 2 || done.Replaced != 2 || done.Deleted != 1 || journal == 0 {
		t.Errorf("done is told as %+v", done)
	}
	if _, _, _, err := s.Stat(w, 0, later, nil); err == nil {
		t.Error("what came later is still there")
	}
	checkCharges(t, s, w)
	checkFaults(t, s)
}

// Where only the mode of the top is changed, its version is the one told.
func TestRestoreTellsVersion(t *testing.T) {
	s, w := newTree(t, 2)
	d := mustApply(t, s, w, mkdirOf(w.Root, "d"), putOf(w.Root, "f", 1))
	then := now()
	for i, name := range []string{"d", "f"} {
		mustApply(t, s, w, Change{Op: OpSet, Node: d[i].Node, Mode: 0o700, Mtime: 9, Expect: ExpectAny})
		other := mustApply(t, s, w, mkdirOf(w.Root, "other "+name))[0].Node
		copied, _, err := restore(s, w, Restore{Path: []string{name}, At: then, Parent: other, Name: name})
		must(t, err)
		mustApply(t, s, w, Change{Op: OpSet, Node: copied.Node, Mode: 0o500, Mtime: 8, Expect: ExpectAny})
		done, _, err := restore(s, w, Restore{Path: []string{name}, At: then, Parent: other, Name: name, Exact: true})
		must(t, err)
		if e := at(t, s, w, "other "+name+"/"+name); e.Mode != 0o700 || done.Node != e.Node || done.Version != e.Version || done.Replaced != 1 {
			t.Errorf("%s is told as %+v, it is %+v", name, done, e)
		}
	}
}
