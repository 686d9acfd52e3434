package syncer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/hash"
	"sluice/internal/mirror"
	"sluice/internal/proto"
	"sluice/internal/reconcile"
)

func openFolder(t *testing.T, dir string) *Folder {
	t.Helper()
	first, err := os.Open(os.DevNull) // the first file ever takes descriptors for good
	check(t, err)
	check(t, first.Close())
	before := descriptors(t)
	f, err := OpenFolder(dir, FolderOptions{})
	check(t, err)
	t.Cleanup(func() {
		check(t, f.Close())
		if after := descriptors(t); after != before {
			t.Errorf("%d descriptors before, %d after", before, after)
		}
	})
	return f
}

// outline scans and gives each entry a line of what counts.
func outline(t *testing.T, f *Folder, parts ...mirror.Part) []string {
	t.Helper()
	tree, problems, err := f.Scan(t.Context(), parts)
	check(t, err)
	list := lines(tree.Root, nil)
	for _, p := range problems {
		list = append(list, "problem "+p.Path)
	}
	return list
}

func lines(e *reconcile.Entry, list []string) []string {
	line := map[proto.Kind]string{proto.KindFile: "f ", proto.KindFolder: "d ", proto.KindLink: "l "}[e.Kind]
	line += e.Path()
	for _, flag := range []struct {
		on   bool
		text string
	}{{e.Excluded, " excluded"}, {e.Unknown, " unknown"}, {e.Part, " part"}} {
		if flag.on {
			line += flag.text
		}
	}
	list = append(list, line)
	names := make([]string, 0, len(e.Children))
	for name := range e.Children {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if c := e.Children[name]; c.Parent != e || c.Name != name {
			return append(list, "wrongly hung: "+name)
		}
		list = lines(e.Children[name], list)
	}
	return list
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// entry finds an entry of a new scan.
func entry(t *testing.T, f *Folder, path string) *reconcile.Entry {
	t.Helper()
	tree, _, err := f.Scan(t.Context(), nil)
	check(t, err)
	return at(t, tree, path)
}

// at finds an entry of a tree.
func at(t *testing.T, tree *reconcile.Tree, path string) *reconcile.Entry {
	t.Helper()
	e := tree.Root
	for name := range strings.SplitSeq(path, "/") {
		if e = e.Children[name]; e == nil {
			t.Fatalf("no entry %s", path)
		}
	}
	return e
}

func TestFolderScan(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, "a one", "d/b two", "d/e/c three", "d/l ->../a", "empty/", ".sluice-tmp-00112233dead-1 x", "d/.sluice-tmp-part-00 x")
	check(t, unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	f := openFolder(t, dir)
	same(t, outline(t, f), "d ", "f a", "d d", "f d/b", "d d/e", "f d/e/c", "l d/l", "d empty", "pipe excluded", "problem pipe")
	if _, err := os.Lstat(filepath.Join(dir, ".sluice-tmp-00112233dead-1")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a dead run's file stayed: %v", err)
	}
	if left := outline(t, f, mirror.Part{Path: "d"}); len(left) == 0 {
		t.Fatal("nothing seen")
	}

	var st unix.Statx_t
	check(t, unix.Statx(unix.AT_FDCWD, filepath.Join(dir, "d/b"), 0, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st))
	e := entry(t, f, "d/b")
	want := reconcile.Facts{Size: 3, Mtime: 1700000000123456789, Ctime: st.Ctime.Sec*1e9 + int64(st.Ctime.Nsec), Ino: st.Ino}
	if st.Mask&unix.STATX_BTIME != 0 {
		want.Born = st.Btime.Sec*1e9 + int64(st.Btime.Nsec)
	}
	if e.Facts != want || e.Hashed || e.Size != 3 || e.Mtime != want.Mtime || e.Mode != 0o644 {
		t.Errorf("got %+v, want facts %+v", e, want)
	}
	if l := entry(t, f, "d/l"); !l.Hashed || l.Hash != hash.Sum([]byte("../a")) || l.Size != 4 || l.Mode != 0o777 {
		t.Errorf("link %+v", l)
	}
}

func TestFolderScanParts(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, "a one", "d/b two", "d/e/c three", "d/e/f/g four", "h/i five", "h/j/k six")
	f := openFolder(t, dir)
	for _, row := range []struct {
		name  string
		parts []mirror.Part
		want  []string
	}{
		{"none", []mirror.Part{}, []string{"d  part"}},
		{"root alone", []mirror.Part{{}}, []string{"d ", "f a", "d d part", "d h part"}},
		{"root deep", []mirror.Part{{Deep: true}}, []string{"d ", "f a", "d d", "f d/b", "d d/e", "f d/e/c", "d d/e/f", "f d/e/f/g", "d h", "f h/i", "d h/j", "f h/j/k"}},
		{"a folder", []mirror.Part{{Path: "d/e"}}, []string{"d  part", "d d part", "d d/e", "f d/e/c", "d d/e/f part"}},
		{"deep", []mirror.Part{{Path: "d/e", Deep: true}}, []string{"d  part", "d d part", "d d/e", "f d/e/c", "d d/e/f", "f d/e/f/g"}},
		{"two", []mirror.Part{{Path: "d"}, {Path: "h/j"}}, []string{"d  part", "d d", "f d/b", "d d/e part", "d h part", "d h/j", "f h/j/k"}},
		{"one in another", []mirror.Part{{Path: "d"}, {Path: "d/e/f"}}, []string{"d  part", "d d", "f d/b", "d d/e part", "d d/e/f", "f d/e/f/g"}},
		{"gone", []mirror.Part{{Path: "d/x/y"}}, []string{"d  part", "d d", "f d/b", "d d/e part"}},
		{"a file", []mirror.Part{{Path: "a"}}, []string{"d ", "f a", "d d part", "d h part"}},
		{"a name", []mirror.Part{{Path: "a", Name: true}}, []string{"d  part", "f a"}},
		{"two names", []mirror.Part{{Path: "d/b", Name: true}, {Path: "d/e/c", Name: true}}, []string{"d  part", "d d part", "f d/b", "d d/e part", "f d/e/c"}},
		{"a name that is gone", []mirror.Part{{Path: "d/b", Name: true}, {Path: "d/x", Name: true}}, []string{"d  part", "d d", "f d/b", "d d/e part"}},
		{"a name that is a folder's", []mirror.Part{{Path: "d/e", Name: true}}, []string{"d  part", "d d", "f d/b", "d d/e part"}},
		{"a name and its folder", []mirror.Part{{Path: "d/b", Name: true}, {Path: "d"}}, []string{"d  part", "d d", "f d/b", "d d/e part"}},
		{"hostile", []mirror.Part{{Path: "../" + filepath.Base(dir)}}, []string{"d ", "f a", "d d part", "d h part"}},
	} {
		t.Run(row.name, func(t *testing.T) { same(t, outline(t, f, row.parts...), row.want...) })
	}
}

func TestFolderActs(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, "a one", "b two", "d/c three", "l ->a")
	f := openFolder(t, dir)

	facts, err := f.Mkdir("d/new", 0o751)
	check(t, err)
	e := entry(t, f, "d/new")
	if e.Facts != facts || e.Mode != 0o751 || e.Kind != proto.KindFolder {
		t.Errorf("made %+v, facts %+v", e, facts)
	}
	if again, err := f.Mkdir("d/new", 0o700); err != nil || again != facts {
		t.Errorf("made again: %+v %v", again, err)
	}
	if _, err := f.Mkdir("a", 0o700); !errors.Is(err, mirror.ErrMeanwhile) {
		t.Errorf("a folder over a file: %v", err)
	}

	a, l := entry(t, f, "a"), entry(t, f, "l")
	for _, m := range [][2]string{{"a", "d/new/a"}, {"l", "d/m"}} {
		was := map[string]*reconcile.Entry{"a": a, "l": l}[m[0]]
		facts, err := f.Move(m[0], m[1], was)
		check(t, err)
		if e := entry(t, f, m[1]); e.Facts != facts {
			t.Errorf("moved %+v, facts %+v", e, facts)
		}
	}
	if _, err := f.Move("b", "d/c", entry(t, f, "b")); !errors.Is(err, mirror.ErrMeanwhile) {
		t.Errorf("moved over something: %v", err)
	}
	if _, err := f.Move("d", "d/new/d", entry(t, f, "d")); err == nil {
		t.Error("moved into itself")
	}

	facts, err = f.Set("b", entry(t, f, "b"), 0o600, 1234567890123456789)
	check(t, err)
	if e := entry(t, f, "b"); e.Facts != facts || e.Mode != 0o600 || e.Mtime != 1234567890123456789 {
		t.Errorf("set %+v", e)
	}
	facts, err = f.Set("d/m", entry(t, f, "d/m"), 0, -5)
	check(t, err)
	if e := entry(t, f, "d/m"); e.Facts != facts || e.Mtime != -5 {
		t.Errorf("set %+v", e)
	}

	e = entry(t, f, "d/c")
	check(t, f.Hash(t.Context(), e))
	if !e.Hashed || e.Hash != hash.Sum([]byte("three")) {
		t.Errorf("hashed %+v", e)
	}
	check(t, f.Sync())
	if err := f.Delete("d", entry(t, f, "d")); !errors.Is(err, mirror.ErrMeanwhile) {
		t.Errorf("a full folder: %v", err)
	}
	for _, path := range []string{"d/new/a", "d/new", "d/m", "d/c"} {
		check(t, f.Delete(path, entry(t, f, path)))
	}
	lay(t, dir, "d/.sluice-tmp-part-11 x")
	check(t, f.Delete("d", entry(t, f, "d")))
	same(t, outline(t, f), "d ", "f b")
	check(t, f.Sync())
	check(t, f.Check())
}

// TestFolderLeavesAloneWhatChanged changes a name after it was planned with: nothing is done to it.
func TestFolderLeavesAloneWhatChanged(t *testing.T) {
	changes := map[string]func(t *testing.T, path string){
		"written":  func(t *testing.T, path string) { check(t, os.WriteFile(path, []byte("other"), 0o644)) },
		"replaced": func(t *testing.T, path string) { replace(t, path, "one") },
		"gone":     func(t *testing.T, path string) { check(t, os.Remove(path)) },
		"a link": func(t *testing.T, path string) {
			check(t, os.Remove(path))
			check(t, os.Symlink("/etc/hostname", path))
		},
		"a folder": func(t *testing.T, path string) {
			check(t, os.Remove(path))
			check(t, os.Mkdir(path, 0o755))
		},
		"its folder a link": func(t *testing.T, path string) {
			check(t, os.Rename(filepath.Dir(path), filepath.Dir(path)+".old"))
			check(t, os.Symlink(filepath.Dir(path)+".old", filepath.Dir(path)))
		},
	}
	acts := map[string]func(f *Folder, e *reconcile.Entry) error{
		"move":   func(f *Folder, e *reconcile.Entry) error { _, err := f.Move("d/a", "b", e); return err },
		"set":    func(f *Folder, e *reconcile.Entry) error { _, err := f.Set("d/a", e, 0o600, 1); return err },
		"delete": func(f *Folder, e *reconcile.Entry) error { return f.Delete("d/a", e) },
	}
	for change, do := range changes {
		for act, try := range acts {
			t.Run(fmt.Sprint(act, " ", change), func(t *testing.T) {
				dir := t.TempDir()
				lay(t, dir, "d/a one")
				f := openFolder(t, dir)
				e := entry(t, f, "d/a")
				do(t, filepath.Join(dir, "d/a"))
				before := picture(t, dir)
				if err := try(f, e); !errors.Is(err, mirror.ErrMeanwhile) {
					t.Errorf("got %v", err)
				}
				if after := picture(t, dir); !slices.Equal(before, after) {
					t.Errorf("before\n%s\nafter\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
				}
			})
		}
	}
}

// replace puts a new file in the place of another, with its size and times.
func replace(t *testing.T, path, content string) {
	t.Helper()
	old, err := os.Stat(path)
	check(t, err)
	check(t, os.WriteFile(path+".new", []byte(content), 0o644))
	check(t, os.Chtimes(path+".new", old.ModTime(), old.ModTime()))
	check(t, os.Rename(path+".new", path))
}

func TestFolderPathsStayInside(t *testing.T) {
	out, dir := t.TempDir(), t.TempDir()
	lay(t, out, "victim precious")
	lay(t, dir, "a one")
	check(t, os.Symlink(out, filepath.Join(dir, "way")))
	f := openFolder(t, dir)
	a, before := entry(t, f, "a"), picture(t, out)
	for _, path := range []string{"way/x", "../x", "way/../../x", "", ".", "..", "a/../x", "/x", "x/", "way/victim", "x\x00y", strings.Repeat("n", 256)} {
		if _, err := f.Mkdir(path, 0o755); err == nil {
			t.Errorf("made %q", path)
		}
		if _, err := f.Move("a", path, a); err == nil {
			t.Errorf("moved to %q", path)
		}
		if err := f.Delete(path, a); err == nil {
			t.Errorf("deleted %q", path)
		}
		if _, err := f.Set(path, a, 0, 0); err == nil {
			t.Errorf("set %q", path)
		}
	}
	if after := picture(t, out); !slices.Equal(before, after) {
		t.Errorf("outside: %v, was %v", after, before)
	}
	same(t, outline(t, f), "d ", "f a", "l way")
}

func TestFolderOfOne(t *testing.T) {
	dir := t.TempDir()
	f := openFolder(t, dir)
	if _, err := OpenFolder(dir, FolderOptions{}); client.ExitCode(err) != client.ExitTemporary {
		t.Errorf("opened twice: %v", err)
	}
	look, err := OpenFolder(dir, FolderOptions{Look: true})
	check(t, err)
	check(t, look.Close())
	if _, err := OpenFolder(dir+"/none", FolderOptions{}); client.ExitCode(err) != client.ExitNotFound {
		t.Errorf("nothing there: %v", err)
	}
	m, err := f.Marker()
	check(t, err)
	if m.Ino == 0 || m.Dev == 0 || m.Mark != "" {
		t.Errorf("marker %+v", m)
	}
	check(t, f.SetMark("some/mark"))
	if m, err := f.Marker(); err != nil || m.Mark != "some/mark" {
		t.Skipf("no attributes here: %+v %v", m, err)
	}
}

// TestFolderReplaced is rule 3: another folder at the path, or none, stops.
func TestFolderReplaced(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "root")
	lay(t, dir, "a one")
	f := openFolder(t, dir)
	check(t, f.Check())
	check(t, os.Rename(dir, dir+".away"))
	if err := f.Check(); client.ExitCode(err) != client.ExitSafety {
		t.Errorf("gone: %v", err)
	}
	check(t, os.Mkdir(dir, 0o755))
	if err := f.Check(); client.ExitCode(err) != client.ExitSafety {
		t.Errorf("another: %v", err)
	}
	check(t, os.Remove(dir))
	check(t, os.Rename(dir+".away", dir))
	check(t, f.Check())
}

// Of very many files that are left alone a scan keeps a few, and of all else everything.
func TestScanKeepsFewOfWhatIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"many", "few", "many/sub.o", "many/.git"} {
		check(t, os.Mkdir(filepath.Join(dir, name), 0o700))
	}
	for i := range 3 * veryMany {
		check(t, os.Symlink("x", filepath.Join(dir, "many", fmt.Sprintf("%d.o", i))))
	}
	for i := range manyNames - 1 {
		check(t, os.WriteFile(filepath.Join(dir, "few", fmt.Sprintf("%d.o", i)), nil, 0o600))
		check(t, os.WriteFile(filepath.Join(dir, "many", fmt.Sprintf("%d.c", i)), nil, 0o600))
		check(t, os.WriteFile(filepath.Join(dir, "many/.git", fmt.Sprintf("%d.o", 2*i)), nil, 0o600))
		check(t, os.WriteFile(filepath.Join(dir, "many/.git", fmt.Sprintf("%d.o", 2*i+1)), nil, 0o600))
	}
	check(t, os.WriteFile(filepath.Join(dir, ".sluiceignore"), []byte("*.o\n!*.o/\n!/few/\n"), 0o600))
	check(t, os.WriteFile(filepath.Join(dir, "many/.sluiceignore"), []byte("!77.o\n"), 0o600))
	f, err := OpenFolder(dir, FolderOptions{Sets: []string{".git"}})
	check(t, err)
	t.Cleanup(func() { check(t, f.Close()) })
	counts := make(map[string]int)
	for _, line := range outline(t, f) {
		folder, name := cutPath(line[2:])
		name, excluded := strings.CutSuffix(name, " excluded")
		counts[fmt.Sprint(folder, " ", filepath.Ext(name), " ", excluded)]++
	}
	for what, want := range map[string]int{
		"many .o true": fewNames, "many .o false": 2, "many .c false": manyNames - 1, "few .o true": manyNames - 1, "many/.git .o false": 2 * (manyNames - 1),
	} {
		if counts[what] != want {
			t.Errorf("%s: %d entries, want %d", what, counts[what], want)
		}
	}
}
