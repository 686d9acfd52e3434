package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// repository is a git repository on a machine, that is synced.
type repository struct {
	m    *machine
	dir  string
	name string // of the device
}

// git runs git in the repository.
func (r *repository) git(args ...string) string {
	r.m.t.Helper()
	c := exec.Command("git", args...)
	c.Dir = r.dir
	c.Env = append(os.Environ(), "HOME="+r.m.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=u", "GIT_AUTHOR_EMAIL=u@example.org",
		"GIT_COMMITTER_NAME=u", "GIT_COMMITTER_EMAIL=u@example.org")
	out, err := c.CombinedOutput()
	if err != nil {
		r.m.t.Errorf("%s: git %s: %v\n%s", r.name, strings.Join(args, " "), err, tail(string(out), 2000))
	}
	return strings.TrimSpace(string(out))
}

func (r *repository) write(name, text string) {
	r.m.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o644); err != nil {
		r.m.t.Error(err)
	}
}

func (r *repository) commit(name, text string) {
	r.m.t.Helper()
	r.write(name, text)
	r.git("add", name)
	r.git("commit", "-q", "-m", text)
}

// sync syncs, and looks that the repository is whole, if it has come.
func (r *repository) sync() result {
	r.m.t.Helper()
	out := r.m.run("sync", r.dir, "home:repo", "--device", r.name)
	if out.code != 0 && out.code != 6 {
		r.m.t.Fatalf("%s: sync: exit code %d\n%s%s", r.name, out.code, out.stdout, out.stderr)
	}
	if _, err := os.Stat(filepath.Join(r.dir, ".git")); err == nil {
		r.whole(".git")
	}
	return out
}

// whole holds all that a repository has against what it says it has.
func (r *repository) whole(dir string) {
	r.m.t.Helper()
	if out := r.git("--git-dir="+filepath.Join(r.dir, dir), "fsck", "--full", "--strict"); strings.Contains(out, "missing") || strings.Contains(out, "broken") {
		r.m.t.Errorf("%s: git fsck: %s", r.name, tail(out, 2000))
	}
}

func (r *repository) head() string {
	r.m.t.Helper()
	return r.git("rev-parse", "HEAD")
}

// TestSyncOfRepositories syncs a git repository between two devices: it never is a mixture of two states.
func TestSyncOfRepositories(t *testing.T) {
	needs(t, "git", "git")
	data := t.TempDir()
	addUser(t, data, "u")
	s := start(t, data)
	one := &repository{newMachine(t, s, "u"), t.TempDir(), "one"}
	two := &repository{newMachine(t, s, "u"), t.TempDir(), "two"}
	one.git("init", "-q")
	one.git("config", "gc.auto", "0")
	for i := range 1100 {
		one.write(fmt.Sprintf("f%04d", i), fmt.Sprintf("file %d\n", i))
	}
	one.git("add", ".")
	one.git("commit", "-q", "-m", "first")
	same := func() {
		t.Helper()
		if a, b := one.head(), two.head(); a != b {
			t.Errorf("one is at %s, two at %s", a, b)
		}
		for _, r := range []*repository{one, two} {
			if out := r.git("status", "--porcelain"); out != "" {
				t.Errorf("%s: git status: %s", r.name, out)
			}
		}
	}
	one.sync()
	two.sync()
	same()

	two.commit("f0000", "changed on two")
	two.git("repack", "-adq") // many names go, few come
	two.sync()
	one.sync()
	same()

	// One writes for as long as the others sync.
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 12 {
			one.commit(fmt.Sprintf("g%d", i%3), fmt.Sprint("commit ", i))
			time.Sleep(300 * time.Millisecond)
		}
	}()
	other := one.m.command("sync", one.dir, "home:repo", "--device", "one")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		two.sync()
	}
	<-done
	if err := other.Wait(); err != nil {
		t.Errorf("sync while commits were made: %v", err)
	}
	one.sync()
	two.sync()
	same()

	// Both commit: the first one's keeps the name, the other one's stands beside it, whole.
	one.commit("one", "only on one")
	two.commit("two", "only on two")
	kept := two.head()
	one.sync()
	if out := two.sync(); out.code != 6 {
		t.Errorf("both have committed: exit code %d\n%s%s", out.code, out.stdout, out.stderr)
	}
	one.sync()
	if a, b := one.head(), two.head(); a != b {
		t.Errorf("after a conflict one is at %s, two at %s", a, b)
	}
	for _, r := range []*repository{one, two} {
		names, err := filepath.Glob(filepath.Join(r.dir, ".git (conflict two *)"))
		if err != nil || len(names) != 1 {
			t.Fatalf("%s has the conflicts %q", r.name, names)
		}
		r.whole(filepath.Base(names[0]))
		if at := r.git("--git-dir="+names[0], "rev-parse", "HEAD"); at != kept {
			t.Errorf("%s: the conflict is at %s, not at %s", r.name, at, kept)
		}
		r.git("fetch", "-q", "./"+filepath.Base(names[0])) // as a user gets at its commits
		r.git("cat-file", "-e", kept)
	}
}
