package syncer

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice/internal/mirror"
)

// word makes up a name, or with the signs of patterns a pattern.
func word(r *rand.Rand, from []string, least, most int) string {
	var b strings.Builder
	for range least + r.IntN(most-least+1) {
		b.WriteString(from[r.IntN(len(from))])
	}
	return b.String()
}

var (
	letters = []string{"a", "a", "b", "b", "c", ".", "-", " ", "]", "[", "!", "#", "\\", "*", "A", "ä"}
	signs   = []string{
		"a", "a", "a", "b", "b", "c", ".", "-", "A", "/", "/", "/", "*", "*", "*", "**", "**/", "/**", "/**/", "?", "?", "[ab]", "[!a]", "[^b]", "[a-c]", "[]a]", "[[:alpha:]]",
		"[a", "]", "\\", "\\a", "\\*", "\\ ", " ", "#", "!", "***", "ä", "[b-]", "[\\]a]", "/*", "*/",
	}
)

// TestIgnoreLikeGit makes up trees with nested ignore files, and asks git and Why about every path: whether it is ignored, and
// by which line of which file.
func TestIgnoreLikeGit(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	seed := uint64(1)
	if s := os.Getenv("SLUICE_SEED"); s != "" {
		seed, err = strconv.ParseUint(s, 10, 64)
		check(t, err)
	}
	r := rand.New(rand.NewPCG(seed, 0))
	root := t.TempDir()
	if out, err := exec.Command(git, "init", "-q", root).CombinedOutput(); err != nil {
		t.Skipf("git init: %v %s", err, out)
	}
	var paths []string
	patterns := 0
	for i := range 120 {
		top := fmt.Sprintf("t%03d", i)
		folders := []string{top}
		check(t, os.Mkdir(filepath.Join(root, top), 0o755))
		for range 30 {
			path := folders[r.IntN(len(folders))] + "/" + word(r, letters, 1, 3)
			full := filepath.Join(root, path)
			if _, err := os.Lstat(full); err == nil {
				continue
			}
			if r.IntN(3) == 0 {
				check(t, os.Mkdir(full, 0o755))
				folders = append(folders, path)
			} else {
				check(t, os.WriteFile(full, nil, 0o644))
			}
			paths = append(paths, path)
		}
		for j, folder := range folders {
			if j > 0 && r.IntN(4) > 0 {
				continue
			}
			var text strings.Builder
			for range 1 + r.IntN(5) {
				if r.IntN(3) == 0 {
					text.WriteByte('!')
				}
				text.WriteString(word(r, signs, 1, 5))
				text.WriteString([]string{"", "", "", "/", " ", "  ", "\r", "\\ "}[r.IntN(8)] + "\n")
				patterns++
			}
			for _, name := range []string{".gitignore", IgnoreFile} {
				check(t, os.WriteFile(filepath.Join(root, folder, name), []byte(text.String()), 0o644))
			}
		}
	}
	cmd := exec.Command(git, "-C", root, "check-ignore", "--no-index", "-v", "-n", "-z", "--stdin")
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	cmd.Stdin = strings.NewReader(strings.Join(paths, "\x00") + "\x00")
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		t.Fatalf("git check-ignore: %v", err)
	}
	said := bytes.Split(out, []byte{0})
	if len(said) != 4*len(paths)+1 {
		t.Fatalf("%d fields for %d paths", len(said), len(paths))
	}
	f := openFolder(t, root)
	_, _, err = f.Scan(t.Context(), nil)
	check(t, err)
	ignored, wrong := 0, 0
	for i, path := range paths {
		want := fmt.Sprintf("%s:%s:%s", strings.TrimSuffix(string(said[4*i]), ".gitignore"), said[4*i+1], said[4*i+2])
		file, line, pattern, out, err := f.Why(path)
		check(t, err)
		got := fmt.Sprintf("%s:%d:%s", strings.TrimSuffix(file, IgnoreFile), line, pattern)
		if line == 0 {
			got = "::"
		}
		if out {
			ignored++
		}
		if st, err := os.Lstat(filepath.Join(root, path)); err != nil || f.Ignored(path, st.IsDir()) != out {
			t.Errorf("%q: Why says %v, Ignored another", path, out)
		}
		if got != want || out != (line > 0 && !strings.HasPrefix(pattern, "!")) {
			if wrong++; wrong < 20 {
				t.Errorf("%q: got %q %v, git says %q", path, got, out, want)
			}
		}
	}
	t.Logf("%d patterns, %d paths, %d ignored, %d wrong", patterns, len(paths), ignored, wrong)
	if ignored < len(paths)/20 {
		t.Errorf("only %d of %d paths are ignored: the test shows little", ignored, len(paths))
	}
}

func TestIgnoreFiles(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, ".sluiceignore *.o\nbuild/\n!keep.o", ".sluiceignore.local !mine.o\nsecret", "a.o x", "keep.o x", "mine.o x", "secret x",
		"build/x x", "d/.sluiceignore keep.o\nmine.o\n.sluiceignore", "d/keep.o x", "d/mine.o x", "d/secret x", "d/b.c x", "flag x")
	check(t, os.Symlink("../d/.sluiceignore", filepath.Join(dir, "build", ".sluiceignore")))
	var flags Filter
	flags.Add("flag")
	flags.Include("a.o")
	f, err := OpenFolder(dir, FolderOptions{Filter: &flags})
	check(t, err)
	defer f.Close()
	same(t, outline(t, f), "d ", "f .sluiceignore", "f .sluiceignore.local excluded", "f a.o", "d build excluded", "d d", "f d/.sluiceignore",
		"f d/b.c", "f d/keep.o excluded", "f d/mine.o", "f d/secret excluded", "f flag excluded", "f keep.o", "f mine.o", "f secret excluded")
	for _, row := range []struct {
		path    string
		folder  bool
		file    string
		line    int
		pattern string
		ignored bool
	}{
		{"x.o", false, ".sluiceignore", 1, "*.o", true},
		{"keep.o", false, ".sluiceignore", 3, "!keep.o", false},
		{"d/keep.o", false, "d/.sluiceignore", 1, "keep.o", true},
		{"d/mine.o", false, ".sluiceignore.local", 1, "!mine.o", false},
		{"build/deep/x", false, ".sluiceignore", 2, "build/", true},
		{"none/build/", true, ".sluiceignore", 2, "build/", true},
		{"none/build", false, "", 0, "", false},
		{"a.o", false, "", 2, "!a.o", false},
		{"flag", false, "", 1, "flag", true},
		{"d/.sluiceignore.local", false, "", 0, "", true},
		{"d/.sluiceignore", false, "", 0, "", false},
		{"d/.sluice-tmp-x", false, "", 0, "", true},
		{"d/b.c", false, "", 0, "", false},
	} {
		file, line, pattern, ignored, err := f.Why(row.path)
		if err != nil || file != row.file || line != row.line || pattern != row.pattern || ignored != row.ignored {
			t.Errorf("%s: %q %d %q %v %v", row.path, file, line, pattern, ignored, err)
		}
		if got := f.Ignored(strings.TrimSuffix(row.path, "/"), row.folder); got != row.ignored {
			t.Errorf("%s: Ignored says %v", row.path, got)
		}
	}
	if _, _, _, _, err := f.Why("../x"); err == nil {
		t.Error("a path outside is answered")
	}

	// A changed ignore file makes a part deep; an unreadable one makes its folder unknown.
	lay(t, dir, "d/e/f.o x", "d/e/g x")
	check(t, os.WriteFile(filepath.Join(dir, ".sluiceignore"), []byte("g\n"), 0o644))
	got := outline(t, f, mirror.Part{})
	for _, line := range []string{"f d/e/f.o", "f d/e/g excluded", "d build", "f build/x"} {
		if !slices.Contains(got, line) {
			t.Errorf("no %q in %q", line, got)
		}
	}
	check(t, os.WriteFile(filepath.Join(dir, "d", ".sluiceignore"), bytes.Repeat([]byte("#"), maxIgnoreFile+1), 0o644))
	got = outline(t, f, mirror.Part{Path: "d"})
	same(t, got, "d  part", "d d unknown", "problem d")
}
