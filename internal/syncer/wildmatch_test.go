package syncer

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFilterLikeGit asks git itself about every pattern and path of the table, so that the rules cannot drift.
func TestFilterLikeGit(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	paths := []string{
		"a.txt", "b.txt", "foo", "dir/", "dir/a.txt", "dir/foo", "dir/sub/", "dir/sub/a.txt", "dir/sub/deep/", "dir/sub/deep/foo",
		"foo.go", "fo", "f?o", "#hash", "!bang", "a b", "trail ", "x/", "x/y/", "x/y/z", "abc", "aXc", "a]c", "a-c", "A1", "build/", "build/out.o",
		"src/", "src/build/", "src/build/out.o", "weird[1]", "star*", `back\slash`, "doc/", "doc/a/", "doc/a/b/", "doc/a/b/c.txt", "dir.d/", "dir.d/x",
	}
	sets := [][]string{
		{"*.txt"}, {"/a.txt"}, {"dir/"}, {"dir"}, {"/dir/*", "!/dir/sub"}, {"foo"}, {"dir/foo"}, {"**/foo"}, {"dir/**"}, {"dir/**/foo"},
		{"f?o"}, {`f\?o`}, {`\#hash`}, {"#hash"}, {`\!bang`}, {"a b"}, {"trail "}, {`trail\ `}, {"x/*/z"}, {"x/**/z"}, {"a[A-Z]c"}, {"a[!X]c"}, {"a[]]c"},
		{"a[^b]c"}, {"[[:upper:]][[:digit:]]"}, {"build"}, {"/build"}, {"build/*"}, {"src/**/*.o"}, {"*.o", "!out.o"}, {`weird\[1\]`}, {"weird[1]"}, {`star\*`},
		{`back\\slash`}, {"doc/**/c.txt"}, {"doc/*/c.txt"}, {"**"}, {"*"}, {"*", "!*/", "!*.txt"}, {"**/"}, {"/*"}, {"a[b-"}, {"fo*o"}, {"***"}, {"d*r"}, {"dir/s**b"},
		{"*.d/"}, {"foo/**"}, {"**/sub/**"}, {"/**/a.txt"}, {"x/y"}, {"x/y/"}, {"dir/*", "!dir/a.txt"}, {"", "# c", "foo"}, {"!foo"}, {"foo", "!foo"}, {"a**c"}, {"a*"},
	}
	root := t.TempDir()
	if out, err := exec.Command(git, "init", "-q", root).CombinedOutput(); err != nil {
		t.Skipf("git init: %v %s", err, out)
	}
	for _, p := range paths {
		full := filepath.Join(root, p)
		if strings.HasSuffix(p, "/") {
			if err := os.MkdirAll(full, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(full, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, set := range sets {
		if err := os.WriteFile(filepath.Join(root, ".git", "info", "exclude"), []byte(strings.Join(set, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(git, "-C", root, "check-ignore", "--no-index", "-z", "--stdin")
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		cmd.Stdin = strings.NewReader(strings.ReplaceAll(strings.Join(paths, "\x00"), "/\x00", "\x00") + "\x00")
		out, _ := cmd.Output() // code 1: nothing ignored
		want := map[string]bool{}
		for _, p := range bytes.Split(out, []byte{0}) {
			want[string(p)] = true
		}
		var f Filter
		for _, line := range set {
			f.Add(line)
		}
		for _, p := range paths {
			clean, folder := strings.CutSuffix(p, "/")
			if got := excludedWithParents(&f, clean, folder); got != want[clean] {
				t.Errorf("patterns %q path %q: got %v, git says %v", set, p, got, want[clean])
			}
		}
	}
}

func excludedWithParents(f *Filter, rel string, folder bool) bool {
	for i := range rel {
		if rel[i] == '/' && f.Excluded(rel[:i], true) {
			return true
		}
	}
	return f.Excluded(rel, folder)
}

func TestInclude(t *testing.T) {
	var f Filter
	f.Add("*")
	f.Include("*/")
	f.Include("*.go")
	for rel, want := range map[string]bool{"a.go": false, "a.txt": true, "d/a.go": false} {
		if got := f.Excluded(rel, false); got != want {
			t.Errorf("%s: got %v", rel, got)
		}
	}
	if f.Excluded("d", true) {
		t.Error("folder d excluded")
	}
}
