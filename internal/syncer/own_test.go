package syncer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sluice/internal/client"
	"sluice/internal/hash"
	"sluice/internal/proto"
)

// stranger is another client that works in the same namespace, on the very names and with the very times that the
// pusher has: so that what it does is hard to tell from the pusher's own work.
type stranger struct {
	f *fake
	r *rand.Rand
}

// act does one random thing.
func (s *stranger) act() {
	f := s.f
	f.mu.Lock()
	defer f.mu.Unlock()
	var folders, others []*client.Entry
	for id := range f.version + 1100 { // in order, so that a seed tells all
		switch n := f.nodes[id]; {
		case n == nil:
		case n.Kind == proto.KindFolder:
			folders = append(folders, n)
		default:
			others = append(others, n)
		}
	}
	parent := folders[s.r.IntN(len(folders))]
	switch name := someName(s.r); s.r.IntN(6) {
	case 0, 1:
		text := someText(s.r)
		h := client.Hash(hash.Sum([]byte(text)))
		f.contents[h] = []byte(text)
		f.apply(&client.Change{Op: client.OpPut, Parent: client.Place{Node: parent.Node}, Name: name, Kind: proto.KindFile, Hash: h,
			Size: int64(len(text)), Mode: 0o644, Mtime: someTime, Expect: client.ExpectAny}, nil)
	case 2:
		f.apply(&client.Change{Op: client.OpMkdir, Parent: client.Place{Node: parent.Node}, Name: name, Mode: 0o755, Mtime: someTime, Expect: client.ExpectAny}, nil)
	case 3:
		if len(others) > 0 {
			f.apply(&client.Change{Op: client.OpDelete, Node: others[s.r.IntN(len(others))].Node, Expect: client.ExpectAny}, nil)
		}
	default:
		what := folders[s.r.IntN(len(folders))]
		if len(others) > 0 && s.r.IntN(3) == 0 {
			what = others[s.r.IntN(len(others))]
		}
		s.move(what, parent, name)
	}
}

// move moves a node to where nothing stands and no circle comes of it.
func (s *stranger) move(what, parent *client.Entry, name string) {
	f := s.f
	if what.Node == fakeRoot || f.child(parent.Node, name) != nil {
		return
	}
	for at := parent; at != nil; at = f.nodes[at.Parent] {
		if at == what {
			return
		}
	}
	version := f.number()
	delete(f.names, nameKey{what.Parent, what.Name})
	moved := *what
	moved.Parent, moved.Name, moved.Version = parent.Node, name, version
	f.add(&moved)
}

const someTime = int64(1_000_000_000) // one for all, as packers of source trees like it

func someName(r *rand.Rand) string { return string(rune('a' + r.IntN(4))) }
func someText(r *rand.Rand) string { return fmt.Sprint("text ", r.IntN(5)) }

// edit changes the local folder at random; all times stay the same.
func edit(t *testing.T, r *rand.Rand, dir string) {
	t.Helper()
	at := dir
	for range r.IntN(4) {
		at = filepath.Join(at, someName(r))
	}
	os.MkdirAll(at, 0o755) // fails where a file stands: then it is replaced, or nothing happens
	if name := filepath.Join(at, someName(r)); at != dir || r.IntN(2) == 0 {
		switch r.IntN(4) {
		case 0:
			os.RemoveAll(name)
		case 1:
			os.Mkdir(name, 0o755)
		default:
			os.WriteFile(name, []byte(someText(r)), 0o644)
		}
	}
	when := time.Unix(0, someTime)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if d.IsDir() {
			mode = 0o755
		}
		return os.Chmod(path, mode)
	})
	for range 2 {
		filepath.WalkDir(dir, func(path string, _ os.DirEntry, _ error) error { return os.Chtimes(path, when, when) })
	}
	if err != nil {
		t.Fatal(err)
	}
}

// below tells what stood below a node at a journal number.
func (f *fake) below(journal, top int64) map[int64]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.remember()
	nodes, all := f.history[journal], map[int64]string{}
	for id, n := range nodes {
		for at := n.Parent; at != 0; at = nodes[at].Parent {
			if at == top {
				all[id] = fmt.Sprintf("%+v", n)
				break
			}
		}
	}
	return all
}

// Whatever others do meanwhile, what is remembered after a push is what the server held at that journal number.
func TestRememberedIsTrue(t *testing.T) {
	const seeds = 40
	current, total := 0, 0
	for seed := range seeds {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		f := newFake(t)
		f.history, f.crowded = map[int64]map[int64]client.Entry{}, true
		other := &stranger{f, rand.New(rand.NewPCG(uint64(seed), 8))}
		dir, listings := t.TempDir(), Listings(t.TempDir())
		busy := r.IntN(3)   // 0: nobody else is there
		var turn sync.Mutex // batches of one push are on their way at the same time
		act := func() {
			turn.Lock()
			defer turn.Unlock()
			for busy > 0 && other.r.IntN(3) == 0 {
				other.act()
			}
		}
		f.beforeCommit = func(*client.CommitRequest) { act() }
		f.beforePut = act
		path := [][]string{{"t"}, {"a"}, {"a", "b"}, nil}[r.IntN(4)]
		for round := range 6 {
			for range r.IntN(6) {
				edit(t, r, dir)
			}
			act()
			before, was := f.lists, f.version
			o := PushOptions{Common: Common{Server: f, Dir: dir, Path: path, Listings: listings, Delete: r.IntN(2) == 0, Sure: true,
				Checksum: r.IntN(4) == 0, Filter: &Filter{}}}
			if _, err := Push(context.Background(), o); err != nil && client.ExitCode(err) != client.ExitConflicts &&
				client.ExitCode(err) != client.ExitSomeFailed && client.ExitCode(err) != client.ExitOther {
				t.Fatalf("seed %d, round %d: %v", seed, round, err)
			}
			place, err := lookUp(context.Background(), f, path)
			if err != nil {
				t.Fatal(err)
			}
			if len(place.missing) > 0 {
				continue
			}
			top := place.last().Node
			v := listings.read(o.listingKey(top))
			if v == nil {
				if busy == 0 && f.version > was {
					t.Fatalf("seed %d, round %d: nothing is remembered, and nobody else was there", seed, round)
				}
				continue
			}
			want, got := f.below(v.journal, top), map[int64]string{}
			for _, e := range flatten(v.root) {
				got[e.Node] = fmt.Sprintf("%+v", e)
			}
			if fmt.Sprint(want) != fmt.Sprint(got) {
				t.Fatalf("seed %d, round %d: at %d of %d the server held\n%v\nand is remembered to have held\n%v", seed, round, v.journal, f.version, want, got)
			}
			total++
			if v.journal == f.version {
				current++
			}
			if busy == 0 && (v.journal != f.version || round > 0 && before > 0 && f.lists > before+1) {
				t.Fatalf("seed %d, round %d: remembered at %d of %d", seed, round, v.journal, f.version)
			}
		}
	}
	t.Logf("%d of %d are of the last number", current, total)
}

// After a push the next one needs no listing; when others have been there, changes are asked for; another epoch or
// another server is listed anew.
func TestListingIsSpared(t *testing.T) {
	f := newFake(t)
	dir := t.TempDir()
	for _, name := range []string{"x/y/one", "x/two", "three"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o := PushOptions{Common: Common{Server: f, Dir: dir, Path: []string{"t"}, Listings: Listings(t.TempDir()), Filter: &Filter{}}}
	push := func(lists, sinces int, unchanged int64) {
		t.Helper()
		f.lists, f.sinces = 0, 0
		totals, err := Push(context.Background(), o)
		if err != nil || totals.Unchanged != unchanged {
			t.Fatalf("%d unchanged, want %d, %v", totals.Unchanged, unchanged, err)
		}
		if f.lists-f.sinces != lists || f.sinces != sinces { // the fake's ListSince lists
			t.Fatalf("%d lists and %d changes were asked for, want %d and %d", f.lists-f.sinces, f.sinces, lists, sinces)
		}
	}
	push(0, 0, 0)
	push(0, 0, 3)
	if err := os.WriteFile(filepath.Join(dir, "three"), []byte("another three"), 0o644); err != nil {
		t.Fatal(err)
	}
	push(0, 0, 2)
	push(0, 0, 3)
	if _, err := Pull(context.Background(), PullOptions{Common: o.Common}); err != nil || f.lists != 0 {
		t.Fatalf("%d lists by a pull, %v", f.lists, err)
	}
	f.put(fakeRoot, "elsewhere", "text", someTime)
	push(0, 1, 3)
	push(0, 0, 3)
	f.epoch++ // restored from a backup, at the same number
	push(1, 0, 3)
	f.epoch, f.version = f.epoch+1, f.version-3
	push(1, 0, 3)
	push(0, 0, 3)
	f.version-- // a history that nobody told of: a number that is not there yet
	push(1, 0, 3)
	f.server = "another"
	push(1, 0, 3)
	push(0, 0, 3)
	f.server = ""
	path := o.Listings.shelf().path(o.listingKey(f.at("t").Node).file())
	for name, hurt := range map[string]func(b []byte) []byte{
		"cut short": func(b []byte) []byte { return b[:len(b)/2] },
		"garbage":   func([]byte) []byte { return []byte("garbage") },
		"empty":     func([]byte) []byte { return nil },
		"one bit":   func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
	} {
		push(0, 0, 3)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, hurt(b), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Log(name)
		push(1, 0, 3)
	}
	f.version += 100 // so that node numbers are not given twice
	push(0, 1, 3)
	// A refused push forgets nothing that was true.
	f.quota = 1
	if err := os.WriteFile(filepath.Join(dir, "four"), []byte("four"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Push(context.Background(), o); client.ExitCode(err) != client.ExitSpace {
		t.Fatal(err)
	}
	f.quota = 0
	push(0, 0, 3)
	push(0, 0, 4)
}

// A folder that another client moves to where this push is about to make one, with the very same mode and time, is
// answered like a new one. What it holds must not be missed.
func TestFolderMovedInMeanwhile(t *testing.T) {
	f := newFake(t)
	f.history, f.crowded = map[int64]map[int64]client.Entry{}, true
	mkdir := func(parent int64, name string) *client.Entry {
		done := f.apply(&client.Change{Op: client.OpMkdir, Parent: client.Place{Node: parent}, Name: name, Mode: 0o755, Mtime: someTime}, nil)
		return f.nodes[done.Node]
	}
	top := mkdir(fakeRoot, "t")
	moved := mkdir(mkdir(fakeRoot, "other").Node, "x")
	f.put(moved.Node, "hidden", "text", someTime)
	dir := t.TempDir()
	check(t, os.Mkdir(filepath.Join(dir, "x"), 0o755))
	for _, path := range []string{filepath.Join(dir, "x"), dir} {
		check(t, os.Chtimes(path, time.Unix(0, someTime), time.Unix(0, someTime)))
	}
	once := false
	f.beforeCommit = func(*client.CommitRequest) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !once {
			once = true
			(&stranger{f: f}).move(moved, top, "x")
		}
	}
	o := PushOptions{Common: Common{Server: f, Dir: dir, Path: []string{"t"}, Listings: Listings(t.TempDir()), Filter: &Filter{}}}
	if _, err := Push(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	v := o.Listings.read(o.listingKey(top.Node))
	if v == nil {
		return
	}
	if want, got := f.below(v.journal, top.Node), flatten(v.root); len(want) != len(got) {
		t.Errorf("at %d the server held %v, and is remembered to have held %v", v.journal, want, got)
	}
}
