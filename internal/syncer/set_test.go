package syncer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/mirror"
	"sluice/internal/proto"
	"sluice/internal/reconcile"
)

// setOf makes a set of what lies on a fake server: name and content of each file; a name may have a folder.
func setOf(s *fake, files ...string) *reconcile.Entry {
	top := &reconcile.Entry{Name: "set", Kind: proto.KindFolder, Mode: 0o750, Mtime: 1600000000000000009, Children: map[string]*reconcile.Entry{}}
	for i := 0; i < len(files); i += 2 {
		in, name := top, files[i]
		if folder, last, ok := strings.Cut(name, "/"); ok {
			if in.Children[folder] == nil {
				in.Children[folder] = &reconcile.Entry{Name: folder, Parent: in, Kind: proto.KindFolder, Mode: 0o500, Children: map[string]*reconcile.Entry{}}
			}
			in, name = in.Children[folder], last
		}
		e := remote(s, name, files[i+1])
		e.Parent = in
		in.Children[name] = e
	}
	return top
}

// hashed gives all files of a local set their hashes.
func hashed(t *testing.T, f *Folder, path string) *reconcile.Entry {
	t.Helper()
	e := entry(t, f, path)
	for _, file := range filesOf(e) {
		check(t, f.Hash(t.Context(), file))
	}
	return e
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	check(t, err)
	var all []string
	for _, e := range list {
		all = append(all, e.Name())
	}
	return all
}

func TestFetchSet(t *testing.T) {
	dir := t.TempDir()
	s, f := newFake(t), openFolder(t, dir)
	c := NewContents(f, ContentsOptions{Server: s})
	first := setOf(s, "a", "one", "d/b", "two")
	got, err := c.FetchSet(t.Context(), mirror.WantedSet{Remote: first, Path: "set"})
	check(t, err)
	same(t, names(t, dir), "set")
	now := entry(t, f, "set")
	if !sameBelow(now, got) || now.Mode != 0o750 || now.Children["d"].Mode != 0o500 || len(filesOf(got)) != 2 {
		t.Errorf("what is there is not what was told: %+v", got)
	}

	// The unchanged file is copied from the present set, not fetched: the server does not have it any more.
	over := hashed(t, f, "set")
	second := setOf(s, "a", "another", "c", "three")
	kept := *over.Children["d"]
	kept.Children = map[string]*reconcile.Entry{"b": {Name: "b", Kind: proto.KindFile, Hash: over.Children["d"].Children["b"].Hash, Hashed: true, Size: 3, Mode: 0o600, Mtime: 7}}
	second.Children["d"] = &kept
	_, err = c.FetchSet(t.Context(), mirror.WantedSet{Remote: second, Path: "set", Over: over})
	check(t, err)
	same(t, names(t, dir), "set")
	for name, want := range map[string]string{"a": "another", "c": "three", "d/b": "two"} {
		if b, err := os.ReadFile(filepath.Join(dir, "set", name)); err != nil || string(b) != want {
			t.Errorf("%s holds %q (%v)", name, b, err)
		}
	}
}

func TestFetchSetLeavesAloneWhatChanged(t *testing.T) {
	for what, change := range map[string]func(dir string) error{
		"edited": func(dir string) error { return os.WriteFile(filepath.Join(dir, "set", "a"), []byte("mine"), 0o600) },
		"new": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "set", "d", "new"), []byte("mine"), 0o600)
		},
		"gone": func(dir string) error { return os.Remove(filepath.Join(dir, "set", "a")) },
		"another": func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "set"), filepath.Join(dir, "old")), os.Mkdir(filepath.Join(dir, "set"), 0o700))
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			lay(t, dir, "set/a one", "set/d/b two")
			s, f := newFake(t), openFolder(t, dir)
			over := hashed(t, f, "set")
			check(t, change(dir))
			before := outline(t, f)
			_, err := NewContents(f, ContentsOptions{Server: s}).FetchSet(t.Context(), mirror.WantedSet{Remote: setOf(s, "a", "theirs"), Path: "set", Over: over})
			if !errors.Is(err, mirror.ErrMeanwhile) {
				t.Errorf("fetch: %v", err)
			}
			if err := f.DeleteSet(t.Context(), "set", over); !errors.Is(err, mirror.ErrMeanwhile) {
				t.Errorf("delete: %v", err)
			}
			same(t, outline(t, f), before...)
			for _, name := range names(t, dir) {
				if strings.HasPrefix(name, tempPrefix) {
					t.Errorf("%s is left", name)
				}
			}
		})
	}
}

func TestFetchSetEnds(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, "set/a one")
	s, f := newFake(t), openFolder(t, dir)
	over := hashed(t, f, "set")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewContents(f, ContentsOptions{Server: s}).FetchSet(ctx, mirror.WantedSet{Remote: setOf(s, "a", "b"), Path: "set", Over: over}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	same(t, names(t, dir), "set")
}

// What a dead run has left beside a set is a folder: it goes.
func TestSetLeftover(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, "set/a one", ".sluice-tmp-set-00112233dead-1/d/b two")
	check(t, os.Chmod(filepath.Join(dir, ".sluice-tmp-set-00112233dead-1/d"), 0o500))
	f := openFolder(t, dir)
	_ = entry(t, f, "set")
	same(t, names(t, dir), "set")
	check(t, f.DeleteSet(t.Context(), "set", entry(t, f, "set")))
	same(t, names(t, dir))
}

// In a set nothing is left alone.
func TestSetIgnoresNoName(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, ".sluiceignore *.o", "a.o one", "set/a.o two", "set/.sluiceignore x", "set/x three")
	f, err := OpenFolder(dir, FolderOptions{Sets: []string{"set"}})
	check(t, err)
	defer f.Close()
	if e := entry(t, f, "set"); len(filesOf(e)) != 3 {
		t.Errorf("%d files", len(filesOf(e)))
	}
	if e := entry(t, f, "a.o"); !e.Excluded {
		t.Error("what is outside of it is not ignored")
	}
}
