package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sluice/internal/db"
)

// tree draws what an account's tree holds, a line a name.
func tree(t testing.TB, s *Store, w Who) string {
	t.Helper()
	return draw(w, listAll(t, s, w, 0, true, 7))
}

// draw draws a listing, "path kind size mode mtime" for each name.
func draw(w Who, entries []Entry) string {
	var b strings.Builder
	paths := map[int64]string{w.Root: ""}
	for _, e := range entries {
		paths[e.Node] = paths[e.Parent] + "/" + e.Name
		kind := [...]string{KindFile: "file", KindFolder: "folder", KindLink: "link"}[e.Kind]
		fmt.Fprintf(&b, "%s %s %d %o %d\n", paths[e.Node], kind, e.Size, e.Mode, e.Mtime)
	}
	return b.String()
}

// at finds a node by its path.
func at(t testing.TB, s *Store, w Who, path string) Entry {
	t.Helper()
	names := strings.Split(path, "/")
	_, _, found, err := s.Stat(w, 0, 0, names)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1+len(names) {
		t.Fatalf("%s is not there", path)
	}
	return found[len(names)]
}

// newSample is a store with /a/b/f1, /a/f2, /l and an empty /e.
func newSample(t testing.TB) (*Store, Who) {
	s, w := newTree(t, 20)
	f := mustApply(t, s, w,
		mkdirOf(w.Root, "a"),
		Change{Op: OpMkdir, Parent: Place{Entry: 0}, Name: "b", Mode: 0o700, Mtime: -5, Expect: 0},
		Change{Op: OpPut, Parent: Place{Entry: 1}, Name: "f1", Kind: KindFile, Hash: contentHash(1), Size: contentSize(1), Mode: 0o600, Mtime: 11},
		Change{Op: OpPut, Parent: Place{Entry: 0}, Name: "f2", Kind: KindFile, Hash: contentHash(2), Size: contentSize(2), Mode: 0o644, Mtime: 12},
		Change{Op: OpPut, Parent: Place{Node: w.Root}, Name: "l", Kind: KindLink, Hash: contentHash(3), Size: contentSize(3), Mode: 0o777, Mtime: 13},
		mkdirOf(w.Root, "e"),
	)
	for i := range f {
		if f[i].Version != int64(i+2) {
			t.Fatalf("entry %d has number %d", i, f[i].Version)
		}
	}
	return s, w
}

const sample = `/a folder 0 755 1
/a/b folder 0 700 -5
/a/b/f1 file 100 600 11
/a/f2 file 200 644 12
/e folder 0 755 1
/l link 300 777 13
`

func TestOps(t *testing.T) {
	s, w := newSample(t)
	if got := tree(t, s, w); got != sample {
		t.Fatal(got)
	}
	a, b, e, l := at(t, s, w, "a"), at(t, s, w, "a/b"), at(t, s, w, "e"), at(t, s, w, "l")
	f1, f2 := at(t, s, w, "a/b/f1"), at(t, s, w, "a/f2")
	put := func(parent int64, name string, content int, expect int64) Change {
		c := putOf(parent, name, content)
		c.Expect = expect
		return c
	}
	mkdir := func(parent int64, name string, expect int64) Change {
		c := mkdirOf(parent, name)
		c.Expect, c.Mtime = expect, 99
		return c
	}
	wrong := func(c Change) Change { c.Size++; return c }
	long := strings.Repeat("n", 255)

	// Each refusal leaves everything as it was; each change stands alone on the sample.
	for _, c := range []struct {
		name   string
		change Change
		err    error
		there  *Entry // told with the refusal
		gone   string // lines of the sample
		new    string
	}{
		{name: "put new", change: put(e.Node, "x", 4, 0), new: "/e/x file 400 644 1\n"},
		{name: "put empty file", change: put(e.Node, "x", 5, 0), new: "/e/x file 0 644 1\n"},
		{name: "put whatever", change: put(e.Node, "x", 4, ExpectAny), new: "/e/x file 400 644 1\n"},
		{name: "put bytes of any kind", change: put(e.Node, "\xff\n%", 4, 0), new: "/e/\xff\n% file 400 644 1\n"},
		{name: "put long name", change: put(e.Node, long, 4, 0), new: "/e/" + long + " file 400 644 1\n"},
		{name: "put expects a version of nothing", change: put(e.Node, "x", 4, 7), err: ErrConflict},
		{name: "put where something stands", change: put(a.Node, "f2", 4, 0), err: ErrExists, there: &f2},
		{name: "put over another version", change: put(a.Node, "f2", 4, f2.Version-1), err: ErrConflict, there: &f2},
		{name: "put over", change: put(a.Node, "f2", 4, f2.Version), gone: "/a/f2 file 200 644 12\n", new: "/a/f2 file 400 644 1\n"},
		{name: "put over with metadata", change: put(a.Node, "f2", 2, f2.Version), gone: "/a/f2 file 200 644 12\n", new: "/a/f2 file 200 644 1\n"},
		{name: "put a file over a link", change: put(w.Root, "l", 3, l.Version), gone: "/l link 300 777 13\n", new: "/l file 300 644 1\n"},
		{name: "put over a folder", change: put(w.Root, "e", 4, ExpectAny), err: ErrIsFolder},
		{name: "put where a folder stands", change: put(w.Root, "e", 4, 0), err: ErrExists, there: &e},
		{name: "put what is not there", change: put(e.Node, "x", 9999, 0), err: ErrNotUploaded},
		{name: "put another size", change: wrong(put(e.Node, "x", 4, 0)), err: ErrHash},
		{name: "put a folder", change: Change{Op: OpPut, Parent: Place{Node: e.Node}, Name: "x", Kind: KindFolder}, err: ErrRange},
		{name: "put into a file", change: put(f2.Node, "x", 4, 0), err: ErrNotFolder},
		{name: "put into nothing", change: put(1<<40, "x", 4, 0), err: ErrNotFound},
		{name: "put after no entry", change: Change{Op: OpPut, Name: "x", Kind: KindFile}, err: ErrRange},
		{name: "put no name", change: put(e.Node, "", 4, 0), err: ErrRange},
		{name: "put dot", change: put(e.Node, ".", 4, 0), err: ErrRange},
		{name: "put dots", change: put(e.Node, "..", 4, 0), err: ErrRange},
		{name: "put a path", change: put(e.Node, "x/y", 4, 0), err: ErrRange},
		{name: "put a NUL", change: put(e.Node, "x\x00", 4, 0), err: ErrRange},
		{name: "put too long", change: put(e.Node, long+"n", 4, 0), err: ErrRange},

		{name: "mkdir", change: mkdir(e.Node, "x", 0), new: "/e/x folder 0 755 99\n"},
		{name: "mkdir again", change: mkdir(w.Root, "e", 0), err: ErrExists, there: &e},
		{name: "mkdir takes what is there", change: mkdir(w.Root, "e", ExpectAny), gone: "/e folder 0 755 1\n", new: "/e folder 0 755 99\n"},
		{name: "mkdir over a file", change: mkdir(a.Node, "f2", ExpectAny), err: ErrNotFolder},
		{name: "mkdir with a version", change: mkdir(w.Root, "e", e.Version), gone: "/e folder 0 755 1\n", new: "/e folder 0 755 99\n"},
		{name: "mkdir with another version", change: mkdir(w.Root, "e", e.Version+9), err: ErrConflict, there: &e},

		{name: "set", change: Change{Op: OpSet, Node: f2.Node, Mode: 0o400, Mtime: 7, Expect: f2.Version}, gone: "/a/f2 file 200 644 12\n", new: "/a/f2 file 200 400 7\n"},
		{name: "set another version", change: Change{Op: OpSet, Node: f2.Node, Expect: 1}, err: ErrConflict, there: &f2},
		{name: "set the root", change: Change{Op: OpSet, Node: w.Root, Mode: 0o711, Mtime: 7, Expect: ExpectAny}},
		{name: "set nobody", change: Change{Op: OpSet, Expect: ExpectAny}, err: ErrNotFound},

		{name: "move", change: Change{Op: OpMove, Node: f1.Node, Parent: Place{Node: e.Node}, Name: "g", ExpectNode: f1.Version}, gone: "/a/b/f1 file 100 600 11\n", new: "/e/g file 100 600 11\n"},
		{name: "move a folder", change: Change{Op: OpMove, Node: b.Node, Parent: Place{Node: e.Node}, Name: "b", ExpectNode: ExpectAny}, gone: "/a/b folder 0 700 -5\n/a/b/f1 file 100 600 11\n", new: "/e/b folder 0 700 -5\n/e/b/f1 file 100 600 11\n"},
		{name: "move another version", change: Change{Op: OpMove, Node: f1.Node, Parent: Place{Node: e.Node}, Name: "g", ExpectNode: 1}, err: ErrConflict, there: &f1},
		{name: "move over", change: Change{Op: OpMove, Node: f1.Node, Parent: Place{Node: a.Node}, Name: "f2", ExpectNode: ExpectAny, Expect: f2.Version}, gone: "/a/b/f1 file 100 600 11\n/a/f2 file 200 644 12\n", new: "/a/f2 file 100 600 11\n"},
		{name: "move where something stands", change: Change{Op: OpMove, Node: f1.Node, Parent: Place{Node: a.Node}, Name: "f2", ExpectNode: ExpectAny}, err: ErrExists, there: &f2},
		{name: "move over a folder", change: Change{Op: OpMove, Node: f1.Node, Parent: Place{Node: w.Root}, Name: "e", ExpectNode: ExpectAny, Expect: ExpectAny}, err: ErrIsFolder},
		{name: "move a folder over a file", change: Change{Op: OpMove, Node: b.Node, Parent: Place{Node: a.Node}, Name: "f2", ExpectNode: ExpectAny, Expect: ExpectAny}, err: ErrNotFolder},
		{name: "move where it is", change: Change{Op: OpMove, Node: f2.Node, Parent: Place{Node: a.Node}, Name: "f2", ExpectNode: ExpectAny}},
		{name: "move into itself", change: Change{Op: OpMove, Node: a.Node, Parent: Place{Node: a.Node}, Name: "x", ExpectNode: ExpectAny}, err: ErrCycle},
		{name: "move below itself", change: Change{Op: OpMove, Node: a.Node, Parent: Place{Node: b.Node}, Name: "x", ExpectNode: ExpectAny}, err: ErrCycle},
		{name: "move the root", change: Change{Op: OpMove, Node: w.Root, Parent: Place{Node: b.Node}, Name: "x", ExpectNode: ExpectAny}, err: ErrForbidden},
		{name: "move nobody", change: Change{Op: OpMove, Node: 1 << 40, Parent: Place{Node: b.Node}, Name: "x", ExpectNode: ExpectAny}, err: ErrNotFound},

		{name: "copy", change: Change{Op: OpCopy, Node: f1.Node, Parent: Place{Node: e.Node}, Name: "g"}, new: "/e/g file 100 600 11\n"},
		{name: "copy a folder", change: Change{Op: OpCopy, Node: b.Node, Parent: Place{Node: e.Node}, Name: "c"}, new: "/e/c folder 0 700 -5\n/e/c/f1 file 100 600 11\n"},
		{name: "copy into itself", change: Change{Op: OpCopy, Node: a.Node, Parent: Place{Node: b.Node}, Name: "a"}, new: "/a/b/a folder 0 755 1\n/a/b/a/b folder 0 700 -5\n/a/b/a/b/f1 file 100 600 11\n/a/b/a/f2 file 200 644 12\n"},
		{name: "copy over", change: Change{Op: OpCopy, Node: f1.Node, Parent: Place{Node: a.Node}, Name: "f2", Expect: f2.Version}, gone: "/a/f2 file 200 644 12\n", new: "/a/f2 file 100 600 11\n"},
		{name: "copy over itself", change: Change{Op: OpCopy, Node: f2.Node, Parent: Place{Node: a.Node}, Name: "f2", Expect: ExpectAny}},
		{name: "copy where something stands", change: Change{Op: OpCopy, Node: f1.Node, Parent: Place{Node: a.Node}, Name: "f2"}, err: ErrExists, there: &f2},
		{name: "copy over a folder", change: Change{Op: OpCopy, Node: f1.Node, Parent: Place{Node: w.Root}, Name: "e", Expect: ExpectAny}, err: ErrIsFolder},
		{name: "copy a folder over a file", change: Change{Op: OpCopy, Node: b.Node, Parent: Place{Node: a.Node}, Name: "f2", Expect: ExpectAny}, err: ErrNotFolder},
		{name: "copy the root", change: Change{Op: OpCopy, Node: w.Root, Parent: Place{Node: e.Node}, Name: "x"}, err: ErrForbidden},

		{name: "delete", change: Change{Op: OpDelete, Node: f2.Node, Expect: f2.Version}, gone: "/a/f2 file 200 644 12\n"},
		{name: "delete an empty folder", change: Change{Op: OpDelete, Node: e.Node, Expect: ExpectAny}, gone: "/e folder 0 755 1\n"},
		{name: "delete a full folder", change: Change{Op: OpDelete, Node: a.Node, Expect: ExpectAny}, err: ErrNotEmpty},
		{name: "delete all of a folder", change: Change{Op: OpDelete, Node: b.Node, Expect: ExpectAny, Recursive: true}, gone: "/a/b folder 0 700 -5\n/a/b/f1 file 100 600 11\n"},
		{name: "delete another version", change: Change{Op: OpDelete, Node: f2.Node, Expect: 1}, err: ErrConflict, there: &f2},
		{name: "delete the root", change: Change{Op: OpDelete, Node: w.Root, Expect: ExpectAny, Recursive: true}, err: ErrForbidden},
		{name: "delete nobody", change: Change{Op: OpDelete, Expect: ExpectAny, Recursive: true}, err: ErrNotFound},
		{name: "no op", change: Change{Op: 77}, err: ErrRange},
	} {
		t.Run(c.name, func(t *testing.T) {
			// Undone at the end: every case begins with the sample.
			var got string
			var fate Fate
			undo := errors.New("undo")
			careful := c.err == ErrExists // as Commit does it then
			err := s.write(func(tx *db.Tx) error {
				b, err := s.newBatch(tx, w, 0, 1)
				if err != nil {
					return err
				}
				b.careful = careful
				fate = b.apply(&c.change)
				if err := b.finish(); err != nil {
					return err
				}
				got = drawn(t, tx, w)
				return undo
			})
			if !errors.Is(err, undo) {
				t.Fatal(err)
			}
			if !errors.Is(fate.Err, c.err) || (fate.Err == nil) != (c.err == nil) {
				t.Fatalf("refused with %v, not %v", fate.Err, c.err)
			}
			if c.there != nil && (fate.Node != c.there.Node || fate.Version != c.there.Version) {
				t.Errorf("told %+v instead of what stands there", fate)
			}
			if c.there == nil && c.err != nil && (fate.Node != 0 || fate.Version != 0) {
				t.Errorf("told %+v", fate)
			}
			want := sample
			for _, line := range strings.SplitAfter(c.gone, "\n") {
				want = strings.Replace(want, line, "", 1)
			}
			if sorted(got) != sorted(want+c.new) {
				t.Errorf("the tree is\n%s\nnot\n%s", sorted(got), sorted(want+c.new))
			}
		})
	}
	if got := tree(t, s, w); got != sample {
		t.Error("the cases have left their traces")
	}
}

// drawn is tree within a transaction.
func drawn(t testing.TB, tx *db.Tx, w Who) string {
	t.Helper()
	var entries []Entry
	k := walk{view: view{tx: tx}, recursive: true}
	k.enter(w.Root, nil)
	if _, err := k.run(func(e Entry) bool { entries = append(entries, e); return true }); err != nil {
		t.Fatal(err)
	}
	return draw(w, entries)
}

func sorted(lines string) string {
	// A name may hold a newline: lines are told apart by their leading slash.
	list := strings.Split(lines, "\n/")
	for i := range list {
		list[i] = strings.TrimPrefix(strings.TrimSuffix(list[i], "\n"), "/")
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}

func TestCommitModes(t *testing.T) {
	s, w := newSample(t)
	changes := []Change{
		putOf(w.Root, "one", 1),
		{Op: OpDelete, Node: 1 << 40, Expect: ExpectAny},
		{Op: OpPut, Parent: Place{Entry: 1}, Name: "x", Kind: KindFile, Hash: contentHash(1), Size: contentSize(1)},
		{Op: OpPut, Parent: Place{Entry: 0}, Name: "x", Kind: KindFile, Hash: contentHash(1), Size: contentSize(1)},
		putOf(w.Root, "one", 2),
	}
	_, err := commit(s, w, true, changes)
	var entry *EntryError
	if !errors.As(err, &entry) || entry.Entry != 1 || !errors.Is(err, ErrNotFound) {
		t.Errorf("mode all ended with %v", err)
	}
	if got := tree(t, s, w); got != sample {
		t.Errorf("mode all has left\n%s", got)
	}
	fates := apply(t, s, w, changes...)
	for i, want := range []error{nil, ErrNotFound, ErrNotFound, ErrNotFolder, nil} {
		if !errors.Is(fates[i].Err, want) {
			t.Errorf("entry %d: %v, not %v", i, fates[i].Err, want)
		}
	}
	if fates[0].Node != fates[4].Node || fates[4].Version != fates[0].Version+1 {
		t.Error("a name put twice is not one node with two numbers", fates)
	}
	if _, err := commit(s, w, false, make([]Change, maxChanges+1)); !errors.Is(err, ErrRange) {
		t.Errorf("too many changes: %v", err)
	}
}

func TestCommitNothing(t *testing.T) {
	s, w := newSample(t)
	f2 := at(t, s, w, "a/f2")
	_, before, _, err := s.Stat(w, 0, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	same := Change{Op: OpPut, Parent: Place{Node: f2.Parent}, Name: "f2", Kind: KindFile, Hash: contentHash(2), Size: contentSize(2), Mode: 0o644, Mtime: 12}
	for _, expect := range []int64{0, 1, f2.Version, ExpectAny} {
		same.Expect = expect
		if f := mustApply(t, s, w, same)[0]; f.Node != f2.Node || f.Version != f2.Version {
			t.Errorf("expecting %d, the same again is %+v", expect, f)
		}
	}
	if _, after, _, _ := s.Stat(w, 0, 0, nil); after != before {
		t.Errorf("nothing took %d numbers", after-before)
	}
}

func TestCommitOnce(t *testing.T) {
	s, w := newSample(t)
	o := newOnceTest()
	calls := 0
	reply := func(journal int64, f []Fate) []byte { calls++; return fmt.Appendf(nil, "reply %d", journal) }
	first, err := s.Commit(w, o, 0, false, 0, []Change{putOf(w.Root, "x", 1)}, reply)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Commit(w, o, 0, false, 0, []Change{putOf(w.Root, "x", 1)}, reply)
	if err != nil || !bytes.Equal(first, again) || calls != 1 {
		t.Errorf("repeated: %q, then %q, %v", first, again, err)
	}
	o.Request[0]++
	if _, err := s.Commit(w, o, 0, false, 0, nil, reply); !errors.Is(err, ErrKeyReused) {
		t.Errorf("the key of another request: %v", err)
	}
	o.Request[0]--
	if _, err := s.Commit(w, o, w.Namespace+1, false, 0, nil, reply); !errors.Is(err, ErrNotFound) {
		t.Errorf("access was not checked again: %v", err)
	}
}

// A commit that names a journal number is done only if the journal stands there, and its repetition is answered all the same.
func TestCommitAtJournal(t *testing.T) {
	s, w := newSample(t)
	_, at, _, err := s.Stat(w, 0, 0, nil)
	must(t, err)
	reply := func(journal int64, f []Fate) []byte { return fmt.Appendf(nil, "%d %v", journal, f[0].Err) }
	for _, wrong := range []int64{at - 1, at + 1} {
		if _, err := s.Commit(w, newOnceTest(), 0, false, wrong, []Change{putOf(w.Root, "x", 1)}, reply); !errors.Is(err, ErrConflict) {
			t.Errorf("at %d instead of %d: %v", wrong, at, err)
		}
	}
	if got := tree(t, s, w); got != sample {
		t.Error("it has changed something")
	}
	o := newOnceTest()
	want := fmt.Sprint(at+1, " <nil>")
	for range 2 {
		if got, err := s.Commit(w, o, 0, false, at, []Change{putOf(w.Root, "x", 1)}, reply); err != nil || string(got) != want {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// The copy of a folder takes the numbers that follow each other, a folder before what it holds, and finds neither itself nor
// anything that this commit has put into the source after it.
func TestCopyNumbers(t *testing.T) {
	s, w := newSample(t)
	a, b, f1, f2 := at(t, s, w, "a"), at(t, s, w, "a/b"), at(t, s, w, "a/b/f1"), at(t, s, w, "a/f2")
	_, before, _, err := s.Stat(w, 0, 0, nil)
	must(t, err)
	fates := mustApply(t, s, w,
		mkdirOf(b.Node, "late"),
		Change{Op: OpCopy, Node: a.Node, Parent: Place{Node: b.Node}, Name: "a"},
		Change{Op: OpPut, Parent: Place{Entry: 1}, Name: "in the copy", Kind: KindFile, Hash: contentHash(1), Size: contentSize(1), Mode: 0o600, Mtime: 1},
		Change{Op: OpCopy, Node: a.Node, Parent: Place{Node: w.Root}, Name: "all"},
	)
	list := listAll(t, s, w, fates[1].Node, true, 7)
	var got []string
	for _, e := range list {
		got = append(got, fmt.Sprint(e.Name, " ", e.Node-fates[1].Node, " ", e.Version-fates[1].Version))
	}
	slices.Sort(got)
	if want := []string{"b 1 1", "f1 3 3", "f2 2 2", "in the copy 5 5", "late 4 4"}; !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
	for _, e := range list {
		if like := map[string]Entry{"f1": f1, "f2": f2}[e.Name]; like.Node != 0 && (e.Hash != like.Hash || e.Size != like.Size || e.Mode != like.Mode || e.Mtime != like.Mtime) {
			t.Errorf("%+v was copied from %+v", e, like)
		}
	}
	if n := len(listAll(t, s, w, fates[3].Node, true, 7)); n != 4+1+len(list) {
		t.Errorf("the copy of the whole holds %d names", n)
	}
	if _, after, _, _ := s.Stat(w, 0, 0, nil); after != before+1+5+1+10+1 {
		t.Errorf("all took %d numbers", after-before)
	}
	checkCharges(t, s, w)
}

// What an account may see is its own; others' nodes are not there.
func TestTreesAreApart(t *testing.T) {
	s, ann := newSample(t)
	addAccount(t, s.config.Data, "bob", 0)
	bob := account(t, s, "bob")
	f2 := at(t, s, ann, "a/f2")
	for name, err := range map[string]error{
		"list":             justErr4(s.List(bob, 0, f2.Parent, true, 0, func(Entry) bool { return true })),
		"list namespace":   justErr4(s.List(bob, ann.Namespace, 0, true, 0, func(Entry) bool { return true })),
		"stat":             justErr4(s.Stat(bob, 0, f2.Node, nil)),
		"stat namespace":   justErr4(s.Stat(bob, ann.Namespace, 0, nil)),
		"changes":          justErr4(s.Changes(bob, ann.Namespace, 0, 0, func(Entry) bool { return true })),
		"nobody":           justErr4(s.Stat(Who{}, ann.Namespace, 0, nil)),
		"set":              apply(t, s, bob, Change{Op: OpSet, Node: f2.Node, Expect: ExpectAny})[0].Err,
		"move":             apply(t, s, bob, Change{Op: OpMove, Node: f2.Node, Parent: Place{Node: bob.Root}, Name: "x", ExpectNode: ExpectAny})[0].Err,
		"copy":             apply(t, s, bob, Change{Op: OpCopy, Node: f2.Node, Parent: Place{Node: bob.Root}, Name: "x"})[0].Err,
		"put into":         apply(t, s, bob, mkdirOf(ann.Root, "x"))[0].Err,
		"put into a file":  apply(t, s, bob, mkdirOf(f2.Node, "x"))[0].Err,
		"put the content":  notUploaded(apply(t, s, bob, putOf(bob.Root, "x", 2))[0].Err),
		"put into another": apply(t, s, bob, putOf(f2.Parent, "x", 2))[0].Err,
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := tree(t, s, ann); got != sample {
		t.Error("the tree has changed")
	}
}

func justErr4[A, B, C any](_ A, _ B, _ C, err error) error { return err }

// notUploaded is the other word for the same answer.
func notUploaded(err error) error {
	if errors.Is(err, ErrNotUploaded) {
		return ErrNotFound
	}
	return err
}

// Below a deleted folder nothing is found, by whatever way.
func TestDetached(t *testing.T) {
	s, w := newSample(t)
	a, b, f1 := at(t, s, w, "a"), at(t, s, w, "a/b"), at(t, s, w, "a/b/f1")
	fates := apply(t, s, w,
		mkdirOf(b.Node, "made before"), // b is known to this batch by now
		Change{Op: OpDelete, Node: a.Node, Expect: ExpectAny, Recursive: true},
		mkdirOf(b.Node, "x"),
		mkdirOf(a.Node, "x"),
		Change{Op: OpSet, Node: f1.Node, Expect: ExpectAny},
		Change{Op: OpMove, Node: b.Node, Parent: Place{Node: w.Root}, Name: "saved", ExpectNode: ExpectAny},
		Change{Op: OpCopy, Node: f1.Node, Parent: Place{Node: w.Root}, Name: "saved"},
		Change{Op: OpDelete, Node: f1.Node, Expect: ExpectAny},
		Change{Op: OpMkdir, Parent: Place{Entry: 0}, Name: "x"},
	)
	for i, f := range fates {
		if want := i >= 2; errors.Is(f.Err, ErrNotFound) != want {
			t.Errorf("entry %d: %v", i, f.Err)
		}
	}
	if _, _, _, err := s.Stat(w, 0, f1.Node, nil); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, _, _, err := s.List(w, 0, b.Node, true, 0, func(Entry) bool { return true }); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	// The name is free, and the bytes stay charged.
	mustApply(t, s, w, Change{Op: OpMkdir, Parent: Place{Node: w.Root}, Name: "a", Mode: 0o755, Expect: 0})
	checkCharges(t, s, w)
}

// checkCharges compares what is charged with what is there: used with node and past rows, held with holds, refs with all
// that refers, and asks SQLite for rows that name missing ones.
func checkCharges(t testing.TB, s *Store, w Who) {
	t.Helper()
	if err := s.read(func(tx *db.Tx) error {
		table := db.TableOf(tx)
		var used, rows, held, holds int64
		if _, err := table.Row(`SELECT used, (SELECT ifnull(sum(size), 0) FROM node WHERE namespace = ?1)
			+ (SELECT ifnull(sum(size), 0) FROM past WHERE namespace = ?1) FROM namespace WHERE id = ?1`, []any{w.Namespace}, &used, &rows); err != nil {
			return err
		}
		if _, err := table.Row(`SELECT held, (SELECT ifnull(sum(bytes), 0) FROM hold WHERE account = ?1) FROM account WHERE id = ?1`,
			[]any{w.Account}, &held, &holds); err != nil {
			return err
		}
		if used != rows || held != holds {
			t.Errorf("used %d for rows of %d, held %d for holds of %d", used, rows, held, holds)
		}
		if err := table.Rows(`SELECT id, refs, doomed FROM content WHERE refs !=
			(SELECT count(*) FROM node WHERE content = content.id) + (SELECT count(*) FROM past WHERE content = content.id)
			+ (SELECT count(*) FROM hold WHERE content = content.id) + (SELECT count(*) FROM upload WHERE content = content.id)
			OR (doomed IS NULL) != (refs > 0)`, nil, func(r *db.Row) error {
			t.Errorf("content %d has %d refs, doomed %v", r.Int(0), r.Int(1), !r.Null(2))
			return nil
		}); err != nil {
			return err
		}
		return table.Rows(`PRAGMA foreign_key_check`, nil, func(r *db.Row) error {
			t.Errorf("a row of %s names a missing one of %s", r.Text(0), r.Text(2))
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
}
