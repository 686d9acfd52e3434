package syncer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"sluice/internal/client"
	"sluice/internal/hash"
	"sluice/internal/mirror"
	"sluice/internal/proto"
	"sluice/internal/reconcile"
)

// files are the files and links of a tree, by path.
func filesOf(e *reconcile.Entry) (list []*reconcile.Entry) {
	for _, c := range e.Children {
		if c.IsFolder() {
			list = append(list, filesOf(c)...)
		} else if !c.Excluded {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *reconcile.Entry) int { return strings.Compare(a.Path(), b.Path()) })
	return list
}

func sendAll(t *testing.T, f *Folder, s Server) ([]mirror.Sent, error) {
	t.Helper()
	tree, _, err := f.Scan(t.Context(), nil)
	check(t, err)
	list := filesOf(tree.Root)
	var all []mirror.Sent
	err = NewContents(f, ContentsOptions{Server: s}).Send(t.Context(), list, func(some []mirror.Sent) error {
		all = append(all, some...)
		return nil
	})
	slices.SortFunc(all, func(a, b mirror.Sent) int { return strings.Compare(a.Local.Path(), b.Local.Path()) })
	if err == nil && len(all) != len(list) {
		t.Errorf("%d were told, %d sent", len(all), len(list))
	}
	return all, err
}

func TestSend(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, "a one", "twin one", "d/b two", "d/l ->../a", "zero ")
	big := bytes.Repeat([]byte("x"), client.MaxObjectsBody+5)
	check(t, os.WriteFile(filepath.Join(dir, "big"), big, 0o600))
	for i := range 2500 {
		lay(t, dir, fmt.Sprintf("many/%04d content %d", i, i))
	}
	s, f := newFake(t), openFolder(t, dir)
	all, err := sendAll(t, f, s)
	check(t, err)
	if len(all) != 2506 || len(s.contents) != 2505 || s.commits != 0 || s.puts < 3 {
		t.Errorf("%d sent, %d contents, %d commits, %d requests", len(all), len(s.contents), s.commits, s.puts)
	}
	for _, one := range all {
		e := one.Local
		want, err := os.ReadFile(filepath.Join(dir, e.Path()))
		if e.Kind == proto.KindLink {
			want = []byte("../a")
		}
		check(t, err)
		if one.Err != nil || !e.Hashed || e.Hash != hash.Sum(want) || e.Size != int64(len(want)) || !bytes.Equal(s.contents[e.Hash], want) {
			t.Fatalf("%s: %v %+v", e.Path(), one.Err, e)
		}
	}
	if e := entry(t, f, "d/b"); e.Facts.Ctime != 0 {
		if at, _ := slices.BinarySearchFunc(all, "d/b", func(s mirror.Sent, path string) int { return strings.Compare(s.Local.Path(), path) }); all[at].Local.Facts.Size != 3 ||
			all[at].Local.Facts.Ino != e.Facts.Ino || all[at].Local.Facts.Born != e.Facts.Born {
			t.Errorf("facts %+v, now %+v", all[at].Local.Facts, e.Facts)
		}
	}
}

func TestSendWhatChanged(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, "a one", "b two", "c three", "d/e four")
	f, s := openFolder(t, dir), newFake(t)
	tree, _, err := f.Scan(t.Context(), nil)
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "a"), []byte("longer than before"), 0o644))
	check(t, os.Remove(filepath.Join(dir, "b")))
	check(t, os.Remove(filepath.Join(dir, "c")))
	check(t, os.Symlink("a", filepath.Join(dir, "c")))
	check(t, os.Rename(filepath.Join(dir, "d"), filepath.Join(dir, "d.old")))
	check(t, os.Symlink("d.old", filepath.Join(dir, "d")))
	fate := map[string]error{}
	err = NewContents(f, ContentsOptions{Server: s}).Send(t.Context(), filesOf(tree.Root), func(some []mirror.Sent) error {
		for _, one := range some {
			fate[one.Local.Path()] = one.Err
		}
		return nil
	})
	check(t, err)
	for _, path := range []string{"b", "c", "d/e"} {
		if !errors.Is(fate[path], mirror.ErrMeanwhile) {
			t.Errorf("%s: %v", path, fate[path])
		}
	}
	a := tree.Root.Children["a"]
	if err, ok := fate["a"]; !ok || err != nil || a.Hash != hash.Sum([]byte("longer than before")) || a.Size != 18 {
		t.Errorf("a: %v %+v", err, a)
	}
	if len(s.contents) != 1 {
		t.Errorf("%d contents", len(s.contents))
	}
}

func TestSendEnds(t *testing.T) {
	dir := t.TempDir()
	for i := range 300 {
		lay(t, dir, fmt.Sprintf("f%d content %d", i, i))
	}
	f, s := openFolder(t, dir), newFake(t)
	s.quota = 100
	if _, err := sendAll(t, f, s); client.ExitCode(err) != client.ExitSpace {
		t.Errorf("over quota: %v", err)
	}
	s = newFake(t)
	tree, _, err := f.Scan(t.Context(), nil)
	check(t, err)
	mine, calls := errors.New("mine"), 0
	err = NewContents(f, ContentsOptions{Server: s}).Send(t.Context(), filesOf(tree.Root), func([]mirror.Sent) error {
		calls++
		return mine
	})
	if !errors.Is(err, mine) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = NewContents(f, ContentsOptions{Server: s}).Send(ctx, filesOf(tree.Root), func([]mirror.Sent) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// remote makes an entry of what lies on a fake server.
func remote(s *fake, name, content string) *reconcile.Entry {
	e := s.put(fakeRoot, name, content, 1600000000000000001)
	return &reconcile.Entry{Name: name, Kind: proto.KindFile, Hash: e.Hash, Hashed: true, Size: e.Size, Mode: 0o640, Mtime: e.Mtime}
}

func fetchAll(t *testing.T, f *Folder, s Server, list []mirror.Wanted) (map[string]mirror.Fetched, error) {
	t.Helper()
	all := map[string]mirror.Fetched{}
	err := NewContents(f, ContentsOptions{Server: s}).Fetch(t.Context(), list, func(some []mirror.Fetched) error {
		for _, one := range some {
			if _, twice := all[one.Path]; twice {
				t.Errorf("%s was told twice", one.Path)
			}
			all[one.Path] = one
		}
		return nil
	})
	if err == nil && len(all) != len(list) {
		t.Errorf("%d were told, %d wanted", len(all), len(list))
	}
	return all, err
}

func TestFetch(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, "d/e/old before", "gone before", "edited before", "there before")
	f, s := openFolder(t, dir), newFake(t)
	big := strings.Repeat("y", client.MaxObjectsBody+5)
	list := []mirror.Wanted{
		{Remote: remote(s, "old", "after"), Path: "d/e/old", Over: entry(t, f, "d/e/old")},
		{Remote: remote(s, "new", "fresh"), Path: "d/new"},
		{Remote: remote(s, "twin", "fresh"), Path: "d/e/twin"},
		{Remote: remote(s, "big", big), Path: "big"},
		{Remote: remote(s, "gone", "x"), Path: "gone", Over: entry(t, f, "gone")},
		{Remote: remote(s, "edited", "x"), Path: "edited", Over: entry(t, f, "edited")},
		{Remote: remote(s, "there", "x"), Path: "there"},
		{Remote: remote(s, "nofolder", "x"), Path: "none/nofolder"},
		{Remote: remote(s, "hostile", "x"), Path: "../hostile"},
		{Remote: remote(s, "temp", "x"), Path: ".sluice-tmp-part-1"},
	}
	link := &reconcile.Entry{Name: "link", Kind: proto.KindLink, Hash: hash.Sum([]byte("d/new")), Size: 5, Mtime: 7}
	s.contents[link.Hash] = []byte("d/new")
	list = append(list, mirror.Wanted{Remote: link, Path: "link"})
	for i := range 1200 {
		name := fmt.Sprint("m", i)
		list = append(list, mirror.Wanted{Remote: remote(s, name, "many "+name), Path: name})
	}
	check(t, os.Remove(filepath.Join(dir, "gone")))
	replace(t, filepath.Join(dir, "edited"), "mine! ")
	all, err := fetchAll(t, f, s, list)
	check(t, err)
	tree, _, err := f.Scan(t.Context(), nil)
	check(t, err)
	for _, w := range list {
		got := all[w.Path]
		switch w.Path {
		case "gone", "edited", "there", "none/nofolder":
			if !errors.Is(got.Err, mirror.ErrMeanwhile) {
				t.Errorf("%s: %v", w.Path, got.Err)
			}
			continue
		case "../hostile", ".sluice-tmp-part-1":
			if got.Err == nil || errors.Is(got.Err, mirror.ErrMeanwhile) {
				t.Errorf("%s: %v", w.Path, got.Err)
			}
			continue
		}
		e := at(t, tree, w.Path)
		if got.Err != nil || e.Facts != got.Facts || e.Mtime != w.Remote.Mtime || e.Kind == proto.KindFile && e.Mode != w.Remote.Mode || e.Size != w.Remote.Size {
			t.Fatalf("%s: %v %+v, facts %+v", w.Path, got.Err, e, got.Facts)
		}
		check(t, f.Hash(t.Context(), e))
		if e.Hash != w.Remote.Hash {
			t.Errorf("%s holds something else", w.Path)
		}
	}
	for path, want := range map[string]string{"edited": "mine! ", "there": "before"} {
		if b, err := os.ReadFile(filepath.Join(dir, path)); err != nil || string(b) != want {
			t.Errorf("%s: %q %v", path, b, err)
		}
	}
	for _, line := range picture(t, dir) {
		if strings.Contains(line, tempPrefix) {
			t.Errorf("left behind: %s", line)
		}
	}
}

// One small file needs no buffer for the largest batch, on its way there or back; and one that has grown since it was listed
// gets one that is large enough.
func TestBuffersAreAsLargeAsNeeded(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, "a one", "b two")
	f, s := openFolder(t, dir), newFake(t)
	tree, _, err := f.Scan(t.Context(), nil)
	check(t, err)
	c := NewContents(f, ContentsOptions{Server: s})
	a, b := tree.Root.Children["a"], tree.Root.Children["b"]
	used := func(do func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		do()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	send := func(list ...*reconcile.Entry) {
		t.Helper()
		check(t, c.Send(t.Context(), list, func(some []mirror.Sent) error {
			for _, one := range some {
				check(t, one.Err)
			}
			return nil
		}))
	}
	if n := used(func() { send(a) }); n > 1<<20 {
		t.Errorf("%d bytes for sending one of 3", n)
	}
	if n := used(func() {
		check(t, c.Fetch(t.Context(), []mirror.Wanted{{Remote: a, Path: "c"}}, func(some []mirror.Fetched) error { return some[0].Err }))
	}); n > 1<<20 {
		t.Errorf("%d bytes for fetching one of 3", n)
	}
	grown := bytes.Repeat([]byte("grown"), 100_000)
	check(t, os.WriteFile(filepath.Join(dir, "b"), grown, 0o644))
	send(a, b)
	if !bytes.Equal(s.contents[hash.Sum(grown)], grown) || b.Size != int64(len(grown)) {
		t.Errorf("a file that has grown was sent with %d bytes", b.Size)
	}
}
