package syncer

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sluice/internal/mirror"
	"sluice/internal/reconcile"

	"sluice/internal/proto"
)

// earlier gives names as a run before this one did.
func earlier() *temps {
	var t temps
	t.init()
	return &t
}

func nodeAt(t *testing.T, dir, path string) *Node {
	t.Helper()
	var n Node
	check(t, statName(unix.AT_FDCWD, filepath.Join(dir, path), &n))
	return &n
}

func moveTo(t *testing.T, dir, from, to string) {
	t.Helper()
	check(t, os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)))
}

// A run that was killed has put something aside: only what was meant is removed, all else gets its name back, and is seen by
// the scan that finds it.
func TestPutAsideByADeadRun(t *testing.T) {
	// put puts a path aside, where meant was to be, and ours to come, or nothing.
	put := func(path, meant, ours string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			ino := uint64(0)
			if ours != "" {
				ino = nodeAt(t, dir, ours).Ino
			}
			folder, name := cutPath(path)
			moveTo(t, dir, path, join(folder, earlier().asideOf(nodeAt(t, dir, meant), ino, name).temp()))
		}
	}
	long := strings.Repeat("\u00e9", 127)
	for what, c := range map[string]struct {
		laid  []string
		aside func(t *testing.T, dir string)
		want  []string // an ending with * stands for all names that begin so
	}{
		"a file that was meant":      {[]string{"a one", "b two"}, put("a", "a", ""), []string{"b"}},
		"a link that was meant":      {[]string{"a ->x", "b two"}, put("a", "a", ""), []string{"b"}},
		"another file":               {[]string{"a one", "b two"}, put("a", "b", ""), []string{"a", "b"}},
		"another file below":         {[]string{"d/e/a one", "b two"}, put("d/e/a", "b", ""), []string{"b", "d/e/a"}},
		"a folder in a file's place": {[]string{"a/x one", "b two"}, put("a", "b", ""), []string{"a/x", "b"}},
		"a long name":                {[]string{long + " one", "b two"}, put(long, "b", ""), []string{"b", long[:100] + "*"}},
		"what came, and is replaced": {[]string{"a ours", "b meant", "c theirs"}, func(t *testing.T, dir string) {
			moveTo(t, dir, "c", earlier().asideOf(nodeAt(t, dir, "b"), nodeAt(t, dir, "a").Ino, "a").temp())
		}, []string{"a", "a (kept 1)", "b"}},
		"what did not come": {[]string{"a one", "new two"}, func(t *testing.T, dir string) {
			moveTo(t, dir, "new", earlier().asideOf(nodeAt(t, dir, "a"), nodeAt(t, dir, "new").Ino, "a").temp())
		}, []string{"a"}},
		"a folder under a file's temporary name": {[]string{"a/x one"}, func(t *testing.T, dir string) {
			moveTo(t, dir, "a", earlier().name())
		}, []string{"found *"}},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			lay(t, dir, c.laid...)
			c.aside(t, dir)
			tree, problems, err := openFolder(t, dir).Scan(t.Context(), nil)
			check(t, err)
			got := pathsOf(tree.Root)
			for i := range min(len(got), len(c.want)) {
				if begin, ok := strings.CutSuffix(c.want[i], "*"); ok && strings.HasPrefix(got[i], begin) {
					got[i] = c.want[i]
				}
			}
			same(t, got, c.want...)
			for _, line := range picture(t, dir) {
				if strings.Contains(line, tempPrefix) {
					t.Errorf("%s is hidden", line)
				}
			}
			if len(problems) > 0 {
				t.Errorf("%v", problems)
			}
		})
	}
}

// A name that only looks like one of ours is somebody's: it is left alone, and told.
func TestNameLikeATemporaryOne(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, "a one", ".sluice-tmp-mine/b two", ".sluice-tmp-1 three")
	tree, problems, err := openFolder(t, dir).Scan(t.Context(), nil)
	check(t, err)
	same(t, pathsOf(tree.Root), "a")
	same(t, names(t, dir), ".sluice-tmp-1", ".sluice-tmp-mine", "a")
	if len(problems) != 2 || !problems[0].Skipped || !problems[1].Skipped {
		t.Errorf("%v", problems)
	}
}

func pathsOf(e *reconcile.Entry) (all []string) {
	for _, f := range filesOf(e) {
		all = append(all, f.Path())
	}
	slices.Sort(all)
	return all
}

// A set that was put aside goes as a whole, or comes back as a whole.
func TestSetPutAsideByADeadRun(t *testing.T) {
	for what, c := range map[string]struct {
		change func(dir string)
		want   []string
	}{
		"meant":   {func(string) {}, nil},
		"edited":  {func(dir string) { lay(t, dir, "set/d/b longer") }, []string{"set/a", "set/d/b", "set/l"}},
		"more":    {func(dir string) { lay(t, dir, "set/c three") }, []string{"set/a", "set/c", "set/d/b", "set/l"}},
		"another": {func(dir string) { moveTo(t, dir, "set", "was"); lay(t, dir, "set/a one") }, []string{"set/a", "was/a", "was/d/b", "was/l"}},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			lay(t, dir, "set/a one", "set/d/b two", "set/l ->a")
			f := openFolder(t, dir)
			a := earlier().asideOfSet(entry(t, f, "set"), 0, "set")
			c.change(dir)
			moveTo(t, dir, "set", a.temp())
			_, _, err := f.Scan(t.Context(), []mirror.Part{{}})
			check(t, err)
			tree, _, err := f.Scan(t.Context(), nil)
			check(t, err)
			same(t, pathsOf(tree.Root), c.want...)
			for _, name := range names(t, dir) {
				if strings.HasPrefix(name, tempPrefix) {
					t.Errorf("%s is left", name)
				}
			}
		})
	}
}

// What is read from a hidden name is what was written into it.
func TestAsideNames(t *testing.T) {
	var names temps
	names.init()
	for _, a := range []*aside{
		names.asideOf(&Node{Kind: 1, Ino: 1 << 63, Mtime: -1, Size: 5}, 7, "a,b, c"),
		names.asideOf(&Node{Kind: 1}, 1<<64-1, strings.Repeat("x", 255)),
	} {
		got, ok := asideNamed(a.temp())
		a.name = proto.Cut(a.name, len(got.name))
		if len(a.temp()) > proto.MaxName || !ok || got != *a || len(got.name) < min(5, len(a.name)) || !isTemp(a.temp()) || names.made(a.temp()) {
			t.Errorf("%q: %+v, want %+v", a.temp(), got, *a)
		}
	}
	for _, name := range []string{asidePrefix, asidePrefix + "x,1,2", asidePrefix + "a,1,2,3,4,5,", tempPrefix + "mine", tempPrefix + "0011-1", tempPrefix + "00112233dead"} {
		if isTemp(name) {
			t.Errorf("%s is taken for a temporary name", name)
		}
	}
}
