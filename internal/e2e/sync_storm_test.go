package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// What inotify cannot keep up with, what is renamed faster than it is told, and the ways editors save: the trees are the
// same in the end.
func TestSyncStorms(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	one, two := newDevice(t, s, "ann", "one"), newDevice(t, s, "ann", "two")
	one.watch("-y")
	two.watch("-y")
	devices := []*device{one, two}
	agree(t, devices)

	// Editors: a new file over the old one, the old one kept beside it, a file cut to nothing and written in place.
	save := []func(path, text string){
		func(path, text string) {
			must(t, os.WriteFile(path+".tmp", []byte(text), 0o644))
			must(t, os.Rename(path+".tmp", path))
		},
		func(path, text string) {
			must(t, os.Rename(path, path+"~"))
			must(t, os.WriteFile(path, []byte(text), 0o644))
			must(t, os.Remove(path+"~"))
		},
		func(path, text string) {
			f, err := os.Create(path)
			must(t, err)
			time.Sleep(20 * time.Millisecond) // empty for as long
			_, err = f.WriteString(text)
			must(t, err)
			must(t, f.Close())
		},
	}
	one.put("text", "0")
	for i := range 30 {
		save[i%3](one.at("text"), fmt.Sprint("saved ", i))
		time.Sleep(30 * time.Millisecond)
	}
	agree(t, devices)
	if got := two.text("text"); got != "saved 29" {
		t.Errorf("after 30 saves there is %q", got)
	}
	if r := one.report(); r.Names != 1 || len(r.Conflicts) != 0 {
		t.Errorf("one file was saved, and there are %d names", r.Names)
	}

	// Renames: chains, circles, folders into each other.
	for i := range 20 {
		one.put(fmt.Sprintf("ring/%d/f", i), strconv.Itoa(i))
	}
	agree(t, devices)
	for i := range 200 {
		a, b := one.at(fmt.Sprint("ring/", i%20)), one.at(fmt.Sprint("ring/", (i*7+1)%20))
		if a == b {
			continue
		}
		must(t, os.Rename(a, one.at("ring/aside")))
		must(t, os.Rename(b, a))
		must(t, os.Rename(one.at("ring/aside"), b))
	}
	must(t, os.Rename(one.at("ring"), one.at("ring2")))
	agree(t, devices)
	if n := len(contents(t, two.tree)); n != 42 {
		t.Errorf("%d names, want 20 folders with a file each in one, and the text", n)
	}

	// More events than the kernel keeps.
	files := 20_000
	for _, n := range []string{"a", "b"} {
		must(t, os.Mkdir(one.at(n), 0o755))
	}
	time.Sleep(500 * time.Millisecond) // they are watched by now
	for i := range files {
		f, err := os.Create(one.at("a/x"))
		must(t, err)
		must(t, f.Close())
		must(t, os.Rename(one.at("a/x"), one.at(fmt.Sprint("b/", i%50))))
	}
	one.put("b/last", "last")
	agree(t, devices)
	if n := len(contents(t, two.at("b"))); n != 51 {
		t.Errorf("%d names after the storm, want 51", n)
	}
}

// R4: three devices delete and list over ways on which nothing keeps its order; no deleted file comes back.
func TestSyncDeletedStaysDeleted(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	proxy := newProxy(t, s.address)
	var devices []*device
	for i := range 3 {
		d := newDevice(t, proxied(s, proxy), "ann", fmt.Sprint("d", i))
		devices = append(devices, d)
	}
	rounds := 4
	if long() {
		rounds = 200
	}
	random := rand.New(rand.NewPCG(rand.Uint64(), 0))
	for round := range rounds {
		for i, d := range devices {
			for j := range 8 {
				d.put(fmt.Sprintf("%d/%d-%d", j%2, i, j), strings.Repeat("x", round+j))
			}
		}
		all(devices)
		all(devices)
		deleted := map[string]bool{}
		for i, d := range devices { // each deletes some, all at once list what the others delete
			for j := range 8 {
				path := fmt.Sprintf("%d/%d-%d", j%2, i, j)
				if random.IntN(2) == 0 {
					must(t, os.Remove(d.at(path)))
					deleted[path] = true
				}
			}
		}
		for range 3 {
			all(devices)
		}
		for _, d := range devices {
			for path := range deleted {
				if d.has(path) {
					t.Fatalf("round %d: %s came back on %s", round, path, d.name)
				}
			}
		}
		alike(t, devices...)
	}
}

// all syncs all devices at once.
func all(devices []*device) {
	var group sync.WaitGroup
	for _, d := range devices {
		group.Go(func() {
			if r := d.run(d.args("-y")...); r.code != 0 {
				d.t.Errorf("the sync of %s ended with %d:\n%s%s", d.name, r.code, r.stdout, r.stderr)
			}
		})
	}
	group.Wait()
}
