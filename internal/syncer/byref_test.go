package syncer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// drawn tells all that stands below a path of the server, but for numbers.
func (f *fake) drawn(path ...string) string {
	top := f.at(path...)
	if top == nil {
		return "nothing"
	}
	lines := []string{fmt.Sprintf("%o %d", top.Mode, top.Mtime)}
	for _, e := range f.nodes {
		name := e.Name
		for at := f.nodes[e.Parent]; at != nil; at = f.nodes[at.Parent] {
			if at == top {
				lines = append(lines, fmt.Sprintf("%s %d %o %d %d %q", name, e.Kind, e.Mode, e.Mtime, e.Size, f.contents[e.Hash]))
				break
			}
			name = at.Name + "/" + name
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// A second copy of what stands on the server already is one change, and nothing is read, asked or sent.
func TestSecondCopy(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	lay(t, dir, "a one", "b/c two", "b/d/e three", "b/l ->c", "empty/", "x.skip skipped")
	check(t, os.Chmod(filepath.Join(dir, "b", "d"), 0o700))
	h := quiet(t)
	o := PushOptions{Common: Common{Server: f, Dir: dir, Path: []string{"p"}, Listings: Listings(t.TempDir()), Filter: &Filter{}}, Hashes: h}
	o.Filter.Add("*.skip")
	first, err := Push(t.Context(), o)
	check(t, err)
	for i, path := range [][]string{{"q"}, {"new", "r"}, {"p", "below"}, {"q", "below"}} {
		f.puts, f.haves, f.commits, f.copies, f.lists = 0, 0, 0, 0, 0
		f.put(fakeRoot, fmt.Sprint("other ", i), "x", 1) // somebody else is there too
		o.Path = path
		totals, err := Push(t.Context(), o)
		check(t, err)
		if f.puts != 0 || f.haves != 0 || f.commits != 1 || f.copies != 1 || f.lists > 1 {
			t.Errorf("to %v: %d puts, %d haves, %d commits, %d copies, %d lists", path, f.puts, f.haves, f.commits, f.copies, f.lists)
		}
		if totals.Instant != 4 || totals.Folders != first.Folders || totals.Sent+totals.Unchanged+totals.Set != 0 || totals.Excluded != 1 {
			t.Errorf("to %v: totals %+v", path, totals)
		}
		if i < 2 {
			if got, want := f.drawn(path...), f.drawn("p"); got != want {
				t.Errorf("in %v\n%s\nnot\n%s", path, got, want)
			}
		}
		o.Path = path
		if again, err := Push(t.Context(), o); err != nil || again.Unchanged != 4 || again.Instant+again.Sent+again.Set+again.Folders != 0 {
			t.Errorf("to %v again: totals %+v, %v", path, again, err)
		}
	}
}

// Whatever was changed here and there since, by whomever and in whatever moment, a push to a new place makes there what one without
// a memory makes.
func TestCopyIsWhatSendingMakes(t *testing.T) {
	copies, refused := 0, 0
	for seed := range 25 {
		r := rand.New(rand.NewPCG(uint64(seed), 17))
		f := newFake(t)
		f.crowded = true
		other := &stranger{f, rand.New(rand.NewPCG(uint64(seed), 18))}
		dir := t.TempDir()
		h, listings := Hashes{Dir: t.TempDir(), young: time.Nanosecond, least: 2}, Listings(t.TempDir())
		o := PushOptions{Common: Common{Server: f, Dir: dir, Listings: listings, Filter: &Filter{}}, Hashes: h}
		for range 12 {
			edit(t, r, dir)
		}
		for round := range 5 {
			time.Sleep(12 * time.Millisecond) // a tick of the clock
			o.Path, o.Filter = []string{"first"}, &Filter{}
			if round > 0 {
				for range r.IntN(3) {
					edit(t, r, dir)
				}
				if r.IntN(3) == 0 { // modes and times alone
					check(t, os.Chtimes(dir, time.Now(), time.Unix(int64(round), 5)))
				}
				for range r.IntN(2) {
					other.act()
				}
				time.Sleep(12 * time.Millisecond)
				if r.IntN(3) == 0 {
					o.Filter.Add(someName(r))
				}
				o.Path = []string{fmt.Sprint("copy ", round)}
				if r.IntN(3) == 0 {
					o.Path = append(o.Path, "below")
				}
				if top := f.at("first"); top != nil && r.IntN(4) == 0 { // somebody acts between look and commit
					once := false
					f.beforeCommit = func(c *client.CommitRequest) {
						if c.Journal > 0 && !once {
							once = true
							refused++
							f.put(top.Node, "late", "x", 1)
						}
					}
				}
			}
			before := f.copies
			if _, err := Push(context.Background(), o); err != nil {
				t.Fatalf("seed %d, round %d: %v", seed, round, err)
			}
			copies += f.copies - before
			f.beforeCommit = nil
			plain := o
			plain.Path, plain.Hashes, plain.Listings = []string{fmt.Sprint("plain ", round)}, Hashes{}, ""
			if _, err := Push(context.Background(), plain); err != nil {
				t.Fatalf("seed %d, round %d: %v", seed, round, err)
			}
			if got, want := f.drawn(o.Path...), f.drawn(plain.Path...); got != want {
				t.Fatalf("seed %d, round %d: copied\n%s\nsent\n%s", seed, round, got, want)
			}
		}
	}
	if copies < 20 || refused < 3 {
		t.Errorf("only %d copies, and %d were refused", copies, refused)
	}
	t.Logf("%d copies, %d refused", copies, refused)
}

// A place that is gone, or is the root of all, is not copied from.
func TestNothingToCopyFrom(t *testing.T) {
	for name, change := range map[string]func(f *fake, o *PushOptions){
		"gone":     func(f *fake, o *PushOptions) { f.drop(f.at("p").Node) },
		"unlisted": func(f *fake, o *PushOptions) { o.Listings = "" },
		"the root": func(f *fake, o *PushOptions) { o.Path = []string{"p"} },
	} {
		t.Run(name, func(t *testing.T) {
			f, dir := newFake(t), t.TempDir()
			lay(t, dir, "a one", "b/c two", "b/d three")
			h := quiet(t)
			o := PushOptions{Common: Common{Server: f, Dir: dir, Path: []string{"p"}, Listings: Listings(t.TempDir()), Filter: &Filter{}}, Hashes: h}
			if name == "the root" {
				o.Path = nil
			}
			_, err := Push(t.Context(), o)
			check(t, err)
			change(f, &o)
			if name != "the root" {
				o.Path = []string{"q"}
			}
			_, err = Push(t.Context(), o)
			check(t, err)
			if e := f.at(append(o.Path, "b", "c")...); f.copies != 0 || e == nil || e.Kind != proto.KindFile {
				t.Errorf("%d copies, %+v", f.copies, e)
			}
		})
	}
}
