package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Watchers keep a git repository in step while somebody works in it, on one device after the other, and watchers and the
// server are killed in the middle: it is whole on all devices, and the same.
func TestSyncWatchesRepositories(t *testing.T) {
	needs(t, "git", "git")
	t.Parallel()
	rounds := 1
	if long() {
		rounds = 30
	}
	s := start(t, t.TempDir())
	var devices []*device
	var watchers []*watcher
	var repos []*repository
	for i := range 3 {
		d := newDevice(t, s, "ann", fmt.Sprint("d", i))
		devices = append(devices, d)
		repos = append(repos, &repository{d.machine, d.at("repo"), d.name})
	}
	must(t, os.Mkdir(repos[0].dir, 0o755))
	repos[0].git("init", "-q", "-b", "main")
	for i := range 200 {
		repos[0].write(fmt.Sprint("f", i), fmt.Sprintf("file %d\n", i))
	}
	repos[0].git("add", ".")
	repos[0].git("commit", "-q", "-m", "first")
	for _, d := range devices {
		watchers = append(watchers, d.watch())
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	settled(t, repos)
	kills, deaths := 0, 0
	for round := range rounds {
		r := repos[random.IntN(3)]
		done := make(chan struct{})
		go func() { // nothing fails the test from here but what git says
			defer close(done)
			for i := range 3 + random.IntN(4) {
				work(r, fmt.Sprintf("%d-%d", round, i))
			}
		}()
		for alive := true; alive; { // at whatever moment of a commit, and of what is sent and fetched after it
			select {
			case <-done:
				alive = false
			case <-time.After(400 * time.Millisecond):
			}
			i := (round + kills) % 3
			watchers[i].kill()
			watchers[i] = devices[i].watch()
			kills++
		}
		<-done
		for i := range 3 { // in the middle of what is sent and fetched, more likely than not
			time.Sleep(3*time.Second + time.Duration(i*200)*time.Millisecond)
			if i == 1 {
				s.again()
				deaths++
				break
			}
			i := (round + kills) % 3
			watchers[i].kill()
			watchers[i] = devices[i].watch()
			kills++
		}
		settled(t, repos)
	}
	t.Logf("%d watchers and %d servers killed", kills, deaths)
	for _, w := range watchers {
		w.synced()
		w.stop()
	}
	for _, d := range devices[1:] {
		if out, err := exec.Command("diff", "-r", devices[0].tree, d.tree).CombinedOutput(); err != nil {
			t.Errorf("diff -r: %v\n%s", err, tail(string(out), 2000))
		}
	}
}

// work is what somebody does in a repository.
func work(r *repository, what string) {
	r.m.t.Helper()
	r.git("checkout", "-q", "-b", "topic-"+what)
	for i := range 5 {
		r.commit(fmt.Sprintf("f%d", i), fmt.Sprintf("%s changes %d", what, i))
	}
	r.git("checkout", "-q", "main")
	r.commit("main-"+what, "beside it, "+what)
	r.git("merge", "-q", "-m", "merge "+what, "topic-"+what)
	r.git("branch", "-q", "-D", "topic-"+what)
	r.git("tag", "done-"+what)
	r.git("gc", "-q")
}

// settled waits until all repositories are at the same commit with nothing uncommitted, and looks that they are whole.
func settled(t *testing.T, repos []*repository) {
	t.Helper()
	within(t, 2*time.Minute, "all repositories are the same", func() bool {
		time.Sleep(300 * time.Millisecond)
		want, err := tip(repos[0])
		for _, r := range repos {
			got, e := tip(r)
			if err != nil || e != nil || got != want {
				return false
			}
		}
		return true
	})
	for _, r := range repos {
		r.whole(".git")
		if names, err := filepath.Glob(filepath.Join(r.dir, "*(conflict *")); err != nil || len(names) > 0 { // .git, too
			t.Errorf("%s has conflicts, though one works at a time: %q, %v", r.name, names, err)
		}
	}
}

// tip is where a repository is, and what is not committed in it. It may be about to be exchanged for another.
func tip(r *repository) (string, error) {
	c := exec.Command("sh", "-c", "git rev-parse HEAD && git for-each-ref && GIT_OPTIONAL_LOCKS=0 git status --porcelain")
	c.Dir = r.dir
	out, err := c.Output()
	return string(out), err
}
