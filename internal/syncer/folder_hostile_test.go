package syncer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/mirror"
	"sluice/internal/proto"
	"sluice/internal/reconcile"
)

// nobody is a user without rights.
const nobody = 65534

// asNobody makes the process an ordinary user's, who owns dir, until the test ends.
func asNobody(t *testing.T, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	check(t, os.Chmod(filepath.Dir(dir), 0o755))
	check(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, nobody, nobody))
	}))
	check(t, syscall.Setresuid(-1, nobody, 0))
	t.Cleanup(func() { check(t, syscall.Setresuid(-1, 0, 0)) })
	check(t, unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)) // else /proc/self is root's
}

// TestUnreadable is rule 4: what cannot be read is no delete, stops nothing and shows.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, "a one", "closed two", "shut/b three", "d/c four", "i/.sluiceignore x", "i/e five")
	asNobody(t, dir)
	for _, path := range []string{"closed", "shut", "i/.sluiceignore"} {
		check(t, os.Chmod(filepath.Join(dir, path), 0))
	}
	defer os.Chmod(filepath.Join(dir, "shut"), 0o700)
	f, s := openFolder(t, dir), newFake(t)
	same(t, outline(t, f), "d ", "f a", "f closed", "d d", "f d/c", "d i unknown", "d shut unknown", "problem i", "problem shut")
	if err := f.Hash(t.Context(), entry(t, f, "closed")); !errors.Is(err, unix.EACCES) {
		t.Errorf("hash: %v", err)
	}
	all, err := sendAll(t, f, s)
	check(t, err)
	for _, one := range all {
		if want := one.Local.Name == "closed"; errors.Is(one.Err, unix.EACCES) != want || (one.Err != nil) != want {
			t.Errorf("%s: %v", one.Local.Path(), one.Err)
		}
	}
	if len(s.contents) != 2 {
		t.Errorf("%d contents were sent", len(s.contents))
	}
}

// TestReadOnlyFolders shows that a sync works in folders that are its user's own but read-only, and leaves them so.
func TestReadOnlyFolders(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, "r/a one", "r/b two", "r/sub/", "w/")
	asNobody(t, dir)
	ro := filepath.Join(dir, "r")
	check(t, os.Chmod(ro, 0o555))
	defer os.Chmod(ro, 0o755)
	f, s := openFolder(t, dir), newFake(t)
	_, err := f.Mkdir("r/new", 0o700)
	check(t, err)
	_, err = f.Move("r/a", "w/a", entry(t, f, "r/a"))
	check(t, err)
	_, err = f.Move("w/a", "r/c", entry(t, f, "w/a"))
	check(t, err)
	check(t, f.Delete("r/c", entry(t, f, "r/c")))
	check(t, f.Delete("r/sub", entry(t, f, "r/sub")))
	all, err := fetchAll(t, f, s, []mirror.Wanted{
		{Remote: remote(s, "b", "over"), Path: "r/b", Over: entry(t, f, "r/b")},
		{Remote: remote(s, "d", "fresh"), Path: "r/d"},
	})
	check(t, err)
	for path, got := range all {
		if got.Err != nil {
			t.Errorf("%s: %v", path, got.Err)
		}
	}
	same(t, outline(t, f), "d ", "d r", "f r/b", "f r/d", "d r/new", "d w")
	if st, err := os.Stat(ro); err != nil || st.Mode().Perm() != 0o555 {
		t.Errorf("the folder is %v now, %v", st.Mode(), err)
	}
}

// TestForeignFolder is a folder of somebody else: an error of its own, not "changed meanwhile", which would be tried for ever.
func TestForeignFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("makes a folder of another user")
	}
	dir := t.TempDir()
	lay(t, dir, "d/a one")
	asNobody(t, dir)
	check(t, syscall.Setresuid(-1, 0, 0))
	check(t, os.Chown(filepath.Join(dir, "d"), 0, 0))
	check(t, syscall.Setresuid(-1, nobody, 0))
	f, s := openFolder(t, dir), newFake(t)
	a := entry(t, f, "d/a")
	_, mkdir := f.Mkdir("d/new", 0o700)
	_, move := f.Move("d/a", "b", a)
	all, err := fetchAll(t, f, s, []mirror.Wanted{{Remote: remote(s, "x", "x"), Path: "d/x"}, {Remote: remote(s, "y", "y"), Path: "y"}})
	check(t, err)
	for what, err := range map[string]error{"mkdir": mkdir, "move": move, "delete": f.Delete("d/a", a), "fetch": all["d/x"].Err} {
		if !errors.Is(err, unix.EACCES) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if all["y"].Err != nil {
		t.Errorf("the other: %v", all["y"].Err)
	}
}

// TestSwapper is rule 15 with a race: while a folder and a link that leads out change places all the time, nothing is done
// outside.
func TestSwapper(t *testing.T) {
	out, dir := t.TempDir(), t.TempDir()
	lay(t, out, "a precious", "sub/b precious")
	lay(t, dir, "d/a one", "d/sub/b two", "x three")
	check(t, os.Symlink(out, filepath.Join(dir, "way")))
	f, s := openFolder(t, dir), newFake(t)
	tree, _, err := f.Scan(t.Context(), nil)
	check(t, err)
	before := picture(t, out)
	var stop atomic.Bool
	var swaps atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d, way := filepath.Join(dir, "d"), filepath.Join(dir, "way")
		for !stop.Load() {
			if err := unix.Renameat2(unix.AT_FDCWD, d, unix.AT_FDCWD, way, unix.RENAME_EXCHANGE); err != nil {
				t.Errorf("swap: %v", err)
				return
			}
			swaps.Add(1)
		}
	}()
	defer func() {
		stop.Store(true)
		<-ended
	}()
	done := 0
	for i := range 100 {
		name := fmt.Sprint("n", i)
		_, mkdir := f.Mkdir("d/"+name, 0o755)
		_, set := f.Set("d/a", at(t, tree, "d/a"), 0o600, 5)
		_, move := f.Move("x", "d/"+name+"x", at(t, tree, "x"))
		if move == nil {
			done++
			_ = os.Rename(filepath.Join(dir, "d", name+"x"), filepath.Join(dir, "x"))
			_ = os.Rename(filepath.Join(dir, "way", name+"x"), filepath.Join(dir, "x"))
		}
		e := *at(t, tree, "d/a")
		_, _, _ = mkdir, set, f.Delete("d/sub/b", at(t, tree, "d/sub/b"))
		_ = f.Hash(t.Context(), &e)
		_, err := fetchAll(t, f, s, []mirror.Wanted{{Remote: remote(s, name, "fetched"), Path: "d/" + name + "f"}, {Remote: remote(s, name, "over"), Path: "d/a", Over: &e}})
		check(t, err)
		check(t, f.Sync())
		if mkdir == nil {
			done++
		}
	}
	stop.Store(true)
	<-ended
	if after := picture(t, out); !slices.Equal(before, after) {
		t.Errorf("outside: %q, was %q", after, before)
	}
	t.Logf("%d swaps, %d done", swaps.Load(), done)
}

// TestNothingIsLostAtTheLastMoment has a user replace a file all the time, while it is deleted and fetched over as it was seen:
// whatever the user wrote is what he himself replaced, what was seen, or still there.
func TestNothingIsLostAtTheLastMoment(t *testing.T) {
	type identity struct {
		ino  uint64
		born int64
	}
	dir, out := t.TempDir(), t.TempDir()
	lay(t, dir, "a start")
	f, s := openFolder(t, dir), newFake(t)
	path, other := filepath.Join(dir, "a"), filepath.Join(out, "other")
	written := map[identity]bool{} // by the user
	back := map[identity]bool{}    // what he has replaced
	var stop atomic.Bool
	ended := make(chan struct{})
	of := func(path string) (identity, bool) {
		var n Node
		err := statName(unix.AT_FDCWD, path, &n)
		return identity{n.Ino, n.Born}, err == nil
	}
	go func() {
		defer close(ended)
		for i := 0; !stop.Load(); i++ {
			if err := os.WriteFile(other, fmt.Appendf(nil, "%06d", i), 0o644); err != nil {
				t.Error(err)
				return
			}
			mine, _ := of(other)
			err := unix.Renameat2(unix.AT_FDCWD, other, unix.AT_FDCWD, path, unix.RENAME_EXCHANGE)
			if errors.Is(err, unix.ENOENT) {
				if err = unix.Renameat2(unix.AT_FDCWD, other, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE); errors.Is(err, unix.EEXIST) {
					continue
				}
			}
			if err != nil {
				t.Error(err)
				return
			}
			written[mine] = true
			if got, ok := of(other); ok {
				back[got] = true
				os.Remove(other)
			}
		}
	}()
	finish := sync.OnceFunc(func() {
		stop.Store(true)
		<-ended
	})
	defer finish()
	gone := map[identity]bool{}
	acts, done := 0, 0
	for acts < 300 && !t.Failed() {
		tree, _, err := f.Scan(t.Context(), nil)
		check(t, err)
		e := tree.Root.Children["a"]
		if e == nil {
			continue
		}
		acts++
		if acts%4 > 0 {
			err = f.Delete("a", e)
		} else {
			all, e2 := fetchAll(t, f, s, []mirror.Wanted{{Remote: remote(s, "a", "fetched"), Path: "a", Over: e}})
			check(t, e2)
			err = all["a"].Err
		}
		switch {
		case err == nil:
			done++
			gone[identity{e.Facts.Ino, e.Facts.Born}] = true
		case !errors.Is(err, mirror.ErrMeanwhile):
			t.Fatal(err)
		}
	}
	finish()
	names, err := os.ReadDir(dir)
	check(t, err)
	for _, e := range names { // the last one, and those that were put aside when he had written the next already
		if strings.HasPrefix(e.Name(), tempPrefix) {
			t.Errorf("%s is hidden", e.Name())
		}
		if last, ok := of(filepath.Join(dir, e.Name())); ok {
			back[last] = true
		}
	}
	for id := range written {
		if !back[id] && !gone[id] {
			t.Errorf("lost: %+v", id)
		}
	}
	t.Logf("%d written, %d of %d acts done", len(written), done, acts)
}

// small mounts a file system of a size, if that is possible.
func small(t *testing.T, options string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "small")
	check(t, os.Mkdir(dir, 0o755))
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("mount: %v", err)
	}
	t.Cleanup(func() { check(t, unix.Unmount(dir, 0)) })
	return dir
}

// TestFullDiskHere is rule 5 on this side: exit code 8, what was there stays, no temporary file does.
func TestFullDiskHere(t *testing.T) {
	dir := small(t, "size=1m,nr_inodes=40")
	lay(t, dir, "a one")
	f, s := openFolder(t, dir), newFake(t)
	list := []mirror.Wanted{{Remote: remote(s, "a", strings.Repeat("x", 2<<20)), Path: "a", Over: entry(t, f, "a")}}
	for i := range 3 {
		list = append(list, mirror.Wanted{Remote: remote(s, fmt.Sprint(i), strings.Repeat(fmt.Sprint(i), 512<<10)), Path: fmt.Sprint(i)})
	}
	for _, list := range [][]mirror.Wanted{list, {{Remote: remote(s, "big", strings.Repeat("y", client.MaxObjectsBody+1)), Path: "big"}}} {
		if _, err := fetchAll(t, f, s, list); client.ExitCode(err) != client.ExitSpace {
			t.Errorf("fetch: %v", err)
		}
		if b, err := os.ReadFile(filepath.Join(dir, "a")); err != nil || !bytes.Equal(b, []byte("one")) {
			t.Errorf("a: %d bytes, %v", len(b), err)
		}
		for _, line := range picture(t, dir) {
			if strings.Contains(line, tempPrefix) {
				t.Errorf("left behind: %s", line)
			}
		}
	}
	var err error
	for i := 0; i < 60 && err == nil; i++ {
		_, err = f.Mkdir(fmt.Sprint("d", i), 0o755)
	}
	if client.ExitCode(err) != client.ExitSpace {
		t.Errorf("mkdir: %v", err)
	}
	check(t, f.Sync())
}

// TestMountInside is a file system mounted in the folder: ordinary content, but nothing moves over its border.
func TestMountInside(t *testing.T) {
	inside := small(t, "size=1m")
	dir := filepath.Dir(inside)
	lay(t, dir, "a one", "small/b two")
	f := openFolder(t, dir)
	same(t, outline(t, f), "d ", "f a", "d small", "f small/b")
	if _, err := f.Move("a", "small/a", entry(t, f, "a")); err == nil || errors.Is(err, mirror.ErrMeanwhile) {
		t.Errorf("moved over a border: %v", err)
	}
	_, err := f.Mkdir("small/d", 0o755)
	check(t, err)
	for i := range 40 { // many: by file system
		_, err := f.Mkdir(fmt.Sprint("d", i), 0o755)
		check(t, err)
	}
	check(t, f.Sync())
	if len(f.touched) != 0 {
		t.Errorf("%d names are still to be synced", len(f.touched))
	}
}

// TestSendKeepsToLimits sends files that the batches' limits cut: names, bytes, and one of the greatest size for a batch.
func TestSendKeepsToLimits(t *testing.T) {
	dir := t.TempDir()
	for i := range 5 {
		check(t, os.WriteFile(filepath.Join(dir, fmt.Sprint("m", i)), bytes.Repeat([]byte{byte(i)}, 3<<20), 0o644))
	}
	check(t, os.WriteFile(filepath.Join(dir, "most"), make([]byte, client.MaxObjectsBody), 0o644))
	for i := range 3000 {
		check(t, os.WriteFile(filepath.Join(dir, fmt.Sprint("n", i)), fmt.Append(nil, i), 0o644))
	}
	f, s := openFolder(t, dir), newFake(t)
	all, err := sendAll(t, f, s)
	check(t, err)
	if len(all) != 3006 || len(s.contents) != 3006 {
		t.Errorf("%d told, %d contents", len(all), len(s.contents))
	}
}

// TestFetchOfOtherKinds shows that a caller's mistake ends with that entry.
func TestFetchOfOtherKinds(t *testing.T) {
	f, s := openFolder(t, t.TempDir()), newFake(t)
	folder := &reconcile.Entry{Name: "d", Kind: proto.KindFolder}
	all, err := fetchAll(t, f, s, []mirror.Wanted{{Remote: folder, Path: "d"}, {Remote: remote(s, "x", "x"), Path: "x", Over: folder}})
	check(t, err)
	if all["d"].Err == nil || !errors.Is(all["x"].Err, mirror.ErrMeanwhile) {
		t.Errorf("got %v and %v", all["d"].Err, all["x"].Err)
	}
}
