package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"
)

// awkward are names that a file system takes and a careless program does not.
var awkward = []string{
	"plain.txt", "with space", "-dash", "new\nline", "tab\there", "quote\"'`", "back\\slash", "percent%41", "%", "100%25",
	"bad-utf8-\xff\xfe", "latin1-\xe9t\xe9", "caf\u00e9", "cafe\u0301", "\u65e5\u672c\u8a9e", "\x1b[31mred", "...", "..a", ".hidden",
	"a:b", "*?[x]", strings.Repeat("n", 255),
}

// write makes a file with its folders.
func write(t *testing.T, path string, content []byte, mode fs.FileMode, mtime time.Time) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	if err := os.Chtimes(path, mtime, mtime); err != nil {
		t.Fatal(err)
	}
}

// content makes n bytes that only (seed, n) decide.
func content(seed uint64, n int) []byte {
	b := make([]byte, n)
	random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	random.Read(b)
	return b
}

// sampleTree makes a small tree of everything that a tree can hold: awkward names, empty files and folders, sizes around
// every border, links good and broken, modes, old and new times.
func sampleTree(t *testing.T, dir string) {
	t.Helper()
	old := time.Unix(123456789, 987654321)
	for i, name := range awkward {
		write(t, filepath.Join(dir, "names", name), []byte(name), 0o644, old.Add(time.Duration(i)*time.Nanosecond))
		write(t, filepath.Join(dir, "folders", name, "inside"), []byte{byte(i)}, 0o600, old)
	}
	for i, n := range []int{0, 1, 4095, 4096, 4097, 16 << 10, 64<<10 - 1, 64 << 10, 64<<10 + 1, 128 << 10, 128<<10 + 1, 1 << 20,
		8<<20 - 1, 8 << 20, 8<<20 + 1, 17<<20 + 3} {
		write(t, filepath.Join(dir, "sizes", fmt.Sprint(n)), content(uint64(i), n), 0o640, time.Unix(1700000000, int64(n)))
	}
	for _, mode := range []fs.FileMode{0o400, 0o444, 0o600, 0o644, 0o755, 0o777} {
		write(t, filepath.Join(dir, "modes", fmt.Sprintf("%o", mode)), []byte("mode"), mode, old)
	}
	for i := range 300 {
		write(t, filepath.Join(dir, "many", fmt.Sprint(i%7), fmt.Sprint(i)), content(uint64(1000+i), i*13), 0o644, old)
	}
	for _, same := range []string{"one", "two", "three"} {
		write(t, filepath.Join(dir, "same", same), []byte("equal content"), 0o644, old)
	}
	must(t, os.MkdirAll(filepath.Join(dir, "empty", "deeper"), 0o750))
	must(t, os.Symlink("../names/plain.txt", filepath.Join(dir, "many", "link")))
	must(t, os.Symlink("/nowhere/at all", filepath.Join(dir, "many", "broken")))
	must(t, os.Symlink("..", filepath.Join(dir, "many", "up")))
	// Folder times last, deepest first.
	var folders []string
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			folders = append(folders, path)
		}
		return err
	}))
	sort.Sort(sort.Reverse(sort.StringSlice(folders)))
	for i, path := range folders {
		when := time.Unix(1600000000+int64(i), 5)
		must(t, os.Chtimes(path, when, when))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// picture tells everything about a tree that a push and a pull keep. A name that goes while a watcher
// is at work, such as that of a file on its way, is not in it.
func picture(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	tell := func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		line := fmt.Sprintf("%v %d.%09d", info.Mode(), st.Mtim.Sec, st.Mtim.Nsec)
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line = fmt.Sprintf("link %q %d.%09d", target, st.Mtim.Sec, st.Mtim.Nsec)
		case info.Mode().IsRegular():
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %d bytes, sum %x", len(b), sum(b))
		}
		all[rel] = line
		return nil
	}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err = tell(path, d, err); errors.Is(err, fs.ErrNotExist) && path != dir {
			return nil
		}
		return err
	}))
	delete(all, ".") // the root's own time is the receiver's
	return all
}

// sum is enough to tell contents apart in a failure message.
func sum(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// same fails the test unless two trees are equal in names, kinds, bytes, modes and times.
func same(t *testing.T, want, got string) {
	t.Helper()
	a, b := picture(t, want), picture(t, got)
	wrong := 0
	for path, line := range a {
		if b[path] != line && wrong < 20 {
			wrong++
			t.Errorf("%q: want %s, got %s", path, line, b[path])
		}
	}
	for path, line := range b {
		if _, ok := a[path]; !ok && wrong < 20 {
			wrong++
			t.Errorf("%q: want nothing, got %s", path, line)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

func TestTreeUpAndDown(t *testing.T) {
	s := start(t, t.TempDir())
	m := newMachine(t, s, "ann")
	from, to := filepath.Join(m.dir, "from"), filepath.Join(m.dir, "to")
	sampleTree(t, from)
	m.must("push", from, "home:tree")
	m.must("pull", "home:tree", to)
	same(t, from, to)

	// A second push sends nothing, and a second pull writes nothing.
	before := picture(t, to)
	m.must("push", from, "home:tree/")
	m.must("pull", "home:tree/", to+"/")
	same(t, from, to)
	if len(before) == 0 {
		t.Fatal("nothing was pulled")
	}

	// Change, add, remove, rename, swap kinds.
	write(t, filepath.Join(from, "names", "plain.txt"), []byte("changed"), 0o600, time.Now())
	write(t, filepath.Join(from, "new", "deep", "er", "file"), []byte("new"), 0o644, time.Now())
	must(t, os.RemoveAll(filepath.Join(from, "folders", "with space")))
	must(t, os.Rename(filepath.Join(from, "many", "3"), filepath.Join(from, "moved")))
	must(t, os.Remove(filepath.Join(from, "sizes", "1048576")))
	must(t, os.MkdirAll(filepath.Join(from, "sizes", "1048576", "now a folder"), 0o755))
	must(t, os.RemoveAll(filepath.Join(from, "empty")))
	must(t, os.WriteFile(filepath.Join(from, "empty"), []byte("now a file"), 0o644))
	m.must("push", "--delete", "-y", from, "home:tree")
	m.must("pull", "--delete", "-y", "home:tree", to)
	same(t, from, to)
	s.answers()
	s.stop()
}

func TestPushReplacesOnlyWithoutDelete(t *testing.T) {
	s := start(t, t.TempDir())
	m := newMachine(t, s, "ann")
	one, two := filepath.Join(m.dir, "one"), filepath.Join(m.dir, "two")
	write(t, filepath.Join(one, "a"), []byte("a"), 0o644, time.Unix(1, 0))
	write(t, filepath.Join(two, "b"), []byte("b"), 0o644, time.Unix(2, 0))
	m.must("push", one, "home:")
	m.must("push", two, "home:")
	if out := m.must("ls", "home:"); !strings.Contains(out, "a") || !strings.Contains(out, "b") {
		t.Fatalf("ls shows %q, want a and b", out)
	}
	m.must("push", "--dry-run", "--delete", two, "home:")
	if out := m.must("cat", "home:a"); out != "a" {
		t.Fatalf("a dry run changed a: %q", out)
	}
	m.must("push", "--delete", two, "home:")
	m.fails(3, "cat", "home:a")
}

func TestChecksum(t *testing.T) {
	s := start(t, t.TempDir())
	m := newMachine(t, s, "ann")
	dir := filepath.Join(m.dir, "dir")
	when := time.Unix(1700000000, 0)
	write(t, filepath.Join(dir, "f"), []byte("before"), 0o644, when)
	m.must("push", dir, "home:d")
	write(t, filepath.Join(dir, "f"), []byte("after!"), 0o644, when) // same size, same time
	m.must("push", dir, "home:d")
	if out := m.must("cat", "home:d/f"); out != "before" {
		t.Fatalf("push compares size and time, but sent %q", out)
	}
	m.must("push", "--checksum", dir, "home:d")
	if out := m.must("cat", "home:d/f"); out != "after!" {
		t.Fatalf("push --checksum left %q", out)
	}
}

func TestExclude(t *testing.T) {
	s := start(t, t.TempDir())
	m := newMachine(t, s, "ann")
	dir, back := filepath.Join(m.dir, "dir"), filepath.Join(m.dir, "back")
	for _, name := range []string{"keep.go", "drop.o", "sub/drop.o", "sub/keep.txt", "cache/x"} {
		write(t, filepath.Join(dir, name), []byte(name), 0o644, time.Unix(1, 0))
	}
	m.must("push", "--exclude", "*.o", "--exclude", "cache/", dir, "home:x")
	m.must("pull", "home:x", back)
	var got []string
	for name := range picture(t, back) {
		got = append(got, name)
	}
	sort.Strings(got)
	if want := "keep.go sub sub/keep.txt"; strings.Join(got, " ") != want {
		t.Fatalf("after --exclude: %v, want %s", got, want)
	}
}

func TestLargeFromStandardInput(t *testing.T) {
	s := start(t, t.TempDir())
	m := newMachine(t, s, "ann")
	for _, n := range []int{0, 10, 8 << 20, 8<<20 + 1, 20 << 20} {
		b := content(7, n)
		c := m.command("put", "-", "home:stdin")
		c.Stdin = bytes.NewReader(b)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("put - of %d bytes: %v\n%s", n, err, out)
		}
		if got := m.must("cat", "home:stdin"); got != string(b) {
			t.Fatalf("cat after put - of %d bytes: %d bytes differ", n, len(got))
		}
	}
}
