package watch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// shadow is what someone knows of a tree who looks only where he is told to, and below folders that he did not know: by
// the folder's number the names in it.
type shadow map[uint64]map[string]string

// look reads the folder path, and below it what is not known, or with deep all.
func (s shadow) look(root, path string, deep bool) {
	list, err := os.ReadDir(filepath.Join(root, path))
	if err != nil {
		return
	}
	names := make(map[string]string, len(list))
	for _, e := range list {
		at := filepath.Join(path, e.Name())
		switch number := inode(root, at); {
		case e.Type().IsRegular():
			b, _ := os.ReadFile(filepath.Join(root, at))
			names[e.Name()] = "=" + string(b)
		default:
			names[e.Name()] = fmt.Sprint(number)
			if deep || s[number] == nil {
				s.look(root, at, deep)
			}
		}
	}
	s[inode(root, path)] = names
}

func inode(root, path string) uint64 {
	var st unix.Stat_t
	_ = unix.Lstat(filepath.Join(root, path), &st) // 0 when it is gone: an event will tell
	return st.Ino
}

// name looks at one name; at all beside it, if that is not as simple as it may be told.
func (s shadow) name(root, path string) {
	fi, err := os.Lstat(filepath.Join(root, path))
	names := s[inode(root, filepath.Dir(path))]
	switch {
	case names == nil || err == nil && !fi.Mode().IsRegular():
		s.look(root, filepath.Dir(path), false)
	case err != nil:
		delete(names, filepath.Base(path))
	default:
		b, _ := os.ReadFile(filepath.Join(root, path))
		names[filepath.Base(path)] = "=" + string(b)
	}
}

// take does what a change says.
func (s shadow) take(root string, c Change) {
	if c.All {
		clear(s)
		s.look(root, "", true)
		return
	}
	for _, p := range c.Deep {
		s.look(root, p, true)
	}
	for _, p := range c.Dirty {
		s.look(root, p, false)
	}
	for _, p := range c.Names {
		s.name(root, p)
	}
}

func open(t *testing.T, root string, opt Options) *Watcher {
	t.Helper()
	opt.Settle = 30 * time.Millisecond
	w, err := Open(root, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// next waits for a change that satisfies enough; it gives all that was told together.
func next(t *testing.T, w *Watcher, enough func(Change) bool) (all Change) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !enough(all) {
		c, err := w.Next(ctx)
		if err != nil {
			t.Fatalf("%v; told so far: %+v", err, all)
		}
		all.Dirty = append(all.Dirty, c.Dirty...)
		all.Names = append(all.Names, c.Names...)
		all.Deep = append(all.Deep, c.Deep...)
		all.All = all.All || c.All
	}
	return all
}

// dirty is a change of a folder, or of a name in it.
func dirty(path string) func(Change) bool {
	return func(c Change) bool {
		return slices.Contains(c.Dirty, path) || slices.ContainsFunc(c.Names, func(name string) bool {
			folder, _ := filepath.Split("/" + name)
			return folder == filepath.Join("/", path)+"/" || path == "" && folder == "/"
		})
	}
}

func do(t *testing.T, steps ...error) {
	t.Helper()
	for _, err := range steps {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func write(root, path, text string) error {
	return os.WriteFile(filepath.Join(root, path), []byte(text), 0o600)
}

func TestSavePatterns(t *testing.T) {
	root := t.TempDir()
	do(t, os.MkdirAll(filepath.Join(root, "a/b"), 0o700), write(root, "a/b/f", "1"))
	w := open(t, root, Options{})
	at := func(name string) string { return filepath.Join(root, "a/b", name) }
	for name, save := range map[string]func() error{
		"in place":          func() error { return write(root, "a/b/f", "in place") },
		"temporary, rename": func() error { return errors.Join(write(root, "a/b/.f.tmp", "2"), os.Rename(at(".f.tmp"), at("f"))) },
		"backup, then new":  func() error { return errors.Join(os.Rename(at("f"), at("f~")), write(root, "a/b/f", "3")) },
		"mode":              func() error { return errors.Join(os.Chmod(at("f"), 0o400), os.Chmod(at("f"), 0o600)) },
		"time":              func() error { return os.Chtimes(at("f"), time.Time{}, time.Unix(7, 0)) },
		"link":              func() error { return os.Symlink("x", at("link")) },
		"delete":            func() error { return os.Remove(at("f~")) },
	} {
		if name == "delete" {
			do(t, write(root, "a/b/f~", ""))
			next(t, w, dirty("a/b"))
		}
		do(t, save())
		if c := next(t, w, dirty("a/b")); c.All || len(c.Deep) > 0 {
			t.Errorf("%s: told %+v", name, c)
		}
	}
}

func TestFoldersAreFollowed(t *testing.T) {
	root := t.TempDir()
	w := open(t, root, Options{Skip: func(path string) bool { return path == "skipped" }})
	do(t, os.MkdirAll(filepath.Join(root, "a/b/c"), 0o700), os.MkdirAll(filepath.Join(root, "skipped/b"), 0o700))
	next(t, w, func(c Change) bool { return slices.Contains(c.Deep, "a") })
	do(t, write(root, "a/b/c/f", ""), write(root, "skipped/b/f", ""))
	next(t, w, dirty("a/b/c"))
	do(t, os.Rename(filepath.Join(root, "a"), filepath.Join(root, "z")))
	if c := next(t, w, dirty("")); len(c.Deep) > 0 {
		t.Errorf("a rename within the tree is told as new: %+v", c)
	}
	do(t, write(root, "z/b/c/g", ""))
	next(t, w, dirty("z/b/c"))
	outside := t.TempDir()
	do(t, os.Rename(filepath.Join(root, "z"), filepath.Join(outside, "z")))
	next(t, w, dirty(""))
	if n := w.Folders(); n != 1 {
		t.Errorf("%d folders are watched after all have left, want the root alone", n)
	}
	do(t, os.Rename(filepath.Join(outside, "z"), filepath.Join(root, "back")))
	next(t, w, func(c Change) bool { return slices.Contains(c.Deep, "back") })
	do(t, write(root, "back/b/c/h", ""))
	next(t, w, dirty("back/b/c"))
}

// TestStorm changes a tree at random; whoever looks only where he is told to sees the same in the end.
func TestStorm(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	root := t.TempDir()
	do(t, os.MkdirAll(filepath.Join(root, "0/1/2"), 0o700))
	w := open(t, root, Options{})
	known := shadow{}
	known.look(root, "", true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var made []string
	for range 40 {
		for range 1 + r.IntN(30) {
			made = storm(r, root, made)
		}
		if r.IntN(3) > 0 {
			continue
		}
		soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond) // the changes may all have been none
		c, err := w.Next(soon)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if err == nil {
			known.take(root, c)
		}
	}
	do(t, write(root, "last", fmt.Sprint(seed)))
	for known[inode(root, "")]["last"] == "" {
		c, err := w.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		known.take(root, c)
	}
	want := shadow{}
	want.look(root, "", true)
	for number, names := range want {
		if !maps.Equal(known[number], names) {
			t.Errorf("folder %d holds %q, told was %q", number, names, known[number])
		}
	}
	if w.Folders() != len(want) {
		t.Errorf("%d folders are watched, there are %d", w.Folders(), len(want))
	}
}

// storm makes one change, or none where it cannot.
func storm(r *rand.Rand, root string, made []string) []string {
	pick := func() string {
		if len(made) == 0 {
			return "0"
		}
		return made[r.IntN(len(made))]
	}
	at := pick()
	if fi, err := os.Lstat(filepath.Join(root, at)); err != nil || !fi.IsDir() {
		at = ""
	}
	path := filepath.Join(at, fmt.Sprint(r.IntN(4)))
	full := filepath.Join(root, path)
	switch r.IntN(6) {
	case 0:
		_ = os.MkdirAll(filepath.Join(full, "0"), 0o700)
	case 1, 2:
		_ = os.WriteFile(full, []byte(fmt.Sprint(r.IntN(10))), 0o600)
	case 3, 4:
		_ = os.Rename(filepath.Join(root, pick()), full)
	case 5:
		_ = os.RemoveAll(filepath.Join(root, pick()))
	}
	return append(made, path)
}

func TestOverflow(t *testing.T) {
	const file = "/proc/sys/fs/inotify/max_queued_events"
	before, err := os.ReadFile(file)
	if err != nil || os.WriteFile(file, []byte("16"), 0) != nil {
		t.Skip("the length of the queue can only be set by root")
	}
	root := t.TempDir()
	w := open(t, root, Options{})
	do(t, os.WriteFile(file, before, 0))
	for i := range 100 {
		do(t, os.Mkdir(filepath.Join(root, fmt.Sprint(i)), 0o700))
	}
	next(t, w, func(c Change) bool { return c.All })
	if w.Folders() != 101 {
		t.Errorf("%d folders are watched, there are 101", w.Folders())
	}
	do(t, write(root, "77/f", ""))
	next(t, w, dirty("77"))
}

func TestOutOfWatches(t *testing.T) {
	root := t.TempDir()
	for i := range 5 {
		do(t, os.Mkdir(filepath.Join(root, fmt.Sprint(i)), 0o700))
	}
	w := open(t, root, Options{})
	add := w.add
	w.add = func(magic, path string) (int32, error) {
		if path == "3/new" {
			return 0, unix.ENOSPC
		}
		return add(magic, path)
	}
	do(t, os.MkdirAll(filepath.Join(root, "3/new/below"), 0o700))
	next(t, w, func(c Change) bool { return slices.Contains(c.Deep, "3/new") })
	if got := w.Unwatched(); len(got) != 1 || !errors.Is(got["3/new"], unix.ENOSPC) {
		t.Errorf("unwatched: %v", got)
	}
	do(t, os.RemoveAll(filepath.Join(root, "3/new")))
	next(t, w, dirty("3"))
	if got := w.Unwatched(); len(got) != 0 {
		t.Errorf("unwatched after it is gone: %v", got)
	}
	if Limit() <= 0 {
		t.Errorf("the limit is %d", Limit())
	}
}

func TestEnds(t *testing.T) {
	w := open(t, t.TempDir(), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := w.Next(ctx)
		done <- err
		_, err = w.Next(context.Background())
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	w.Close()
	if err := <-done; !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), Options{}); err == nil {
		t.Error("a folder that is not there is watched")
	}
}

// Single names are told where there are few of them, and under the path that their folder has by then.
func TestNamesAreTold(t *testing.T) {
	root := t.TempDir()
	do(t, os.MkdirAll(filepath.Join(root, "a/b"), 0o700), write(root, "a/b/f", "1"), write(root, "top", "1"))
	w := open(t, root, Options{})
	do(t, write(root, "a/b/f", "2"), write(root, "top", "2"))
	if c := next(t, w, dirty("a/b")); len(c.Dirty) > 0 || !slices.Equal(c.Names, []string{"a/b/f", "top"}) {
		t.Errorf("told: %+v", c)
	}
	for i := range maxNames + 1 {
		do(t, write(root, fmt.Sprint("a/", i), "2"))
	}
	if c := next(t, w, dirty("a")); !slices.Equal(c.Dirty, []string{"a"}) || len(c.Names) > 0 {
		t.Errorf("told: %+v", c)
	}
	do(t, write(root, "a/b/f", "3"), os.Rename(filepath.Join(root, "a/b"), filepath.Join(root, "a/c")))
	if c := next(t, w, dirty("a/c")); !slices.Equal(c.Dirty, []string{"a"}) || !slices.Equal(c.Names, []string{"a/c/f"}) {
		t.Errorf("told: %+v", c)
	}
}
