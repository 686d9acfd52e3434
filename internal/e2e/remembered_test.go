package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// plan is what a push with --delete would do, and to how much.
func (m *machine) plan(dir string) string {
	m.t.Helper()
	var lines []string
	for line := range strings.Lines(m.must("push", "-n", "-y", "--delete", "--json", dir, "home:d")) {
		if !strings.Contains(line, `"totals"`) && !strings.Contains(line, `"seconds"`) { // it tells the time taken
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// What a client remembers of the server never changes what it plans, whoever has changed what: a machine that forgets
// everything plans the same.
func TestRememberedPlansAlike(t *testing.T) {
	s := start(t, t.TempDir())
	m, other := newMachine(t, s, "ann"), newMachine(t, s, "ann")
	dir, theirs := filepath.Join(m.dir, "dir"), filepath.Join(other.dir, "dir")
	r := rand.New(rand.NewPCG(1, 9))
	edit := func(dir string, round int) {
		for i := range 12 {
			path := filepath.Join(dir, fmt.Sprint("f", r.IntN(4)), fmt.Sprint("g", r.IntN(3)), fmt.Sprint("file", r.IntN(6)))
			if r.IntN(4) == 0 {
				must(t, os.RemoveAll(filepath.Dir(path)))
				continue
			}
			write(t, path, content(uint64(round*100+i), r.IntN(2000)), 0o644, time.Unix(int64(round), int64(i)))
		}
	}
	listings := filepath.Join(m.dir, "cache", "sluice", "listings")
	for round := range 8 {
		edit(dir, round)
		m.must("push", "-y", "--delete", dir, "home:d")
		if found, err := os.ReadDir(listings); err != nil || len(found) != 1 {
			t.Fatalf("%d listings are remembered, %v", len(found), err)
		}
		if round%3 != 0 { // another machine changes what this one remembers
			other.must("pull", "--delete", "-y", "home:d", theirs)
			edit(theirs, 50+round)
			other.must("push", "-y", "--delete", theirs, "home:d")
			other.run("mv", "home:d/f1", fmt.Sprintf("home:d/moved%d", round))
			other.run("mv", "home:d/f2", fmt.Sprintf("home:elsewhere%d", round))
			other.run("mv", fmt.Sprintf("home:elsewhere%d", round-1), "home:d/back")
		}
		if round == 5 { // what is remembered was hurt
			found, err := filepath.Glob(filepath.Join(listings, "*"))
			must(t, err)
			must(t, os.Truncate(found[0], 100))
		}
		with := m.plan(dir)
		must(t, os.RemoveAll(listings))
		if without := m.plan(dir); with != without {
			t.Fatalf("round %d: with what is remembered\n%s\nwithout\n%s", round, with, without)
		}
	}
	// Two pushes of one machine at once share the folder.
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() { m.run("push", "-y", "--delete", dir, "home:d") })
	}
	group.Wait()
	m.must("push", "-y", "--delete", dir, "home:d")
	with := m.plan(dir)
	must(t, os.RemoveAll(listings))
	if without := m.plan(dir); with != without {
		t.Errorf("after two at once: with what is remembered\n%s\nwithout\n%s", with, without)
	}
	back := filepath.Join(m.dir, "back")
	m.must("pull", "home:d", back)
	same(t, dir, back)
	s.answers()
}
