package mirror

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// syncs lets devices run in turn, in a world where nothing goes wrong.
func (w *world) syncs(t *testing.T, devices ...int) {
	t.Helper()
	for _, i := range devices {
		d := w.devices[i]
		d.looked = false
		if _, err := w.sync(d); err != nil {
			t.Fatal(err)
		}
	}
}

// A set goes up in one commit, and comes down in one step; what one side changed and the other did not is no conflict.
func TestSetGoesAsOne(t *testing.T) {
	w := calm(t, 2)
	w.sets, w.states = []string{setName}, make(map[proto.Hash]bool)
	a, b := w.devices[0], w.devices[1]
	a.disk.put("e/", "")
	a.disk.put("e/one", "1")
	a.disk.put("e/two", "2")
	w.made(a.disk)
	w.syncs(t, 0, 1)
	commits := w.server.commits
	a.disk.put("e/one", "11")
	a.disk.remove("e/two")
	a.disk.put("e/d/", "")
	a.disk.put("e/d/three", "3")
	w.made(a.disk)
	w.syncs(t, 0)
	if n := w.server.commits - commits; n != 1 {
		t.Errorf("the set went up in %d commits", n)
	}
	changes := b.disk.changes
	w.syncs(t, 1)
	if n := b.disk.changes - changes; n != 1 {
		t.Errorf("the set came down in %d steps", n)
	}
	if got, want := b.disk.names(), "e/ e/d/ e/d/three=3 e/one=11"; got != want {
		t.Errorf("b has %s", got)
	}
	w.syncs(t, 0, 1)
}

// Two devices that changed a set apart have a conflict of the set as a whole: nothing of one is in the other.
func TestSetConflictsAsOne(t *testing.T) {
	for _, batch := range []int{0, 1} {
		w := calm(t, 2)
		w.sets, w.states, w.setBatch = []string{setName}, make(map[proto.Hash]bool), batch
		a, b := w.devices[0], w.devices[1]
		a.disk.put("e/", "")
		a.disk.put("e/same", "0")
		w.made(a.disk)
		w.syncs(t, 0, 1, 0)
		a.disk.put("e/of-a", "1")
		w.made(a.disk)
		b.disk.put("e/of-b", "2")
		w.made(b.disk)
		w.syncs(t, 0, 1, 0, 1)
		for _, d := range []*disk{a.disk, b.disk} {
			got := d.names()
			if !strings.Contains(got, "e/ e/of-a=1 e/same=0") || !strings.Contains(got, ")/of-b=2") || !strings.Contains(got, ")/same=0") {
				t.Errorf("%s has %s", d.name, got)
			}
		}
	}
}

// What a device began beside a set and never finished goes when it comes back; another device leaves it alone.
func TestSetLeavesNothing(t *testing.T) {
	w := calm(t, 2)
	w.sets, w.states, w.setBatch = []string{setName}, make(map[proto.Hash]bool), 1
	a := w.devices[0]
	w.syncs(t, 0, 1)
	a.disk.put("e/", "")
	a.disk.put("e/one", "1")
	a.disk.put("e/two", "2")
	w.made(a.disk)
	commits := 0
	w.during = func(what string) {
		if what == "commit" {
			if commits++; commits == 3 {
				panic(crash{})
			}
		}
	}
	d := a
	d.looked = false
	if _, err := w.sync(d); err == nil {
		t.Fatal("it did not crash")
	}
	w.during = nil
	left := func() (n int) {
		for _, k := range w.server.nodes {
			if hidden(k.Name) {
				n++
			}
		}
		return n
	}
	if left() != 1 {
		t.Fatalf("%d sets were begun", left())
	}
	w.syncs(t, 1)
	if left() != 1 {
		t.Error("another device has removed it")
	}
	w.syncs(t, 0, 1)
	if left() != 0 {
		t.Error("it is still there")
	}
	if got := w.server.names(); !strings.Contains(got, "e/one=1") || !strings.Contains(got, "e/two=2") {
		t.Errorf("the server has %s", got)
	}
}

// A set that was written before the clock was put back is sent: its times to come are not taken for a change that goes on.
func TestSetOfAClockPutBack(t *testing.T) {
	for _, back := range []time.Duration{time.Minute, 10 * 365 * 24 * time.Hour} {
		w := calm(t, 2)
		w.sets, w.states, w.coarse = []string{setName}, make(map[proto.Hash]bool), true
		w.clock += int64(20 * 365 * 24 * time.Hour)
		a := w.devices[0]
		a.disk.put("e/", "")
		a.disk.put("e/one", "1")
		w.made(a.disk)
		w.clock -= int64(back)
		w.syncs(t, 0, 1)
		if got, want := w.devices[1].disk.names(), "e/ e/one=1"; got != want {
			t.Errorf("put back by %v: the other device has %q", back, got)
		}
	}
}

// A set is not sent into a folder that could not be made, as something else has its name by now.
func TestSetWithoutItsFolder(t *testing.T) {
	for seed := range uint64(4) { // commits arrive at once, or late
		w := calm(t, 2)
		w.sets, w.states, w.batch, w.rand = []string{setName}, make(map[proto.Hash]bool), 100, rand.New(rand.NewPCG(seed, 0))
		a, b := w.devices[0], w.devices[1]
		a.disk.put("rest", "1")
		w.syncs(t, 0, 1)
		a.disk.put("d/", "")
		a.disk.put("d/e/", "")
		a.disk.put("d/e/one", "1")
		w.made(a.disk)
		b.disk.put("d", "2")
		w.during = func(what string) {
			if what == "changes' reply" { // A knows of no d yet
				w.during = nil
				w.syncs(t, 1)
			}
		}
		w.syncs(t, 0, 1)
		for _, d := range []*disk{a.disk, b.disk} {
			if got := d.names(); !strings.Contains(got, ")/e/one=1") || !strings.Contains(got, "d=2") {
				t.Errorf("%s has %s", d.name, got)
			}
		}
	}
}

// A set that is not quiet yet is left alone, and the status says so; a run that may waits for it.
func TestSetWaits(t *testing.T) {
	w := calm(t, 1)
	d := w.devices[0]
	d.disk.put("e/", "")
	d.disk.put("e/one", "1")
	d.disk.put("other", "2")
	open := func(sleep func(context.Context, time.Duration) error) *Mirror {
		m, err := Open(Config{
			Folder: d.disk, Contents: &simContents{d.disk, w.server}, Server: d.line, State: d.memory, Sleep: sleep,
			Now: func() time.Time { return time.Unix(0, w.clock) }, Options: Options{Sets: []string{"e"}, Quiet: 3 * time.Second},
		})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	r, err := open(nil).Run(t.Context())
	if err != nil || r.Sent != 1 || len(r.Problems) != 1 || r.Problems[0].Path != "e" || !strings.HasPrefix(r.Problems[0].Reason, "waiting: ") {
		t.Fatalf("%v: %+v", err, r)
	}
	if len(r.Problems) != 1 || r.Problems[0].Wait <= 0 || r.Problems[0].Wait > 3*time.Second || !Waits(r.Problems[0].Reason) || r.ExitCode() != client.ExitSomeFailed {
		t.Errorf("it waits for %+v, exit code %d", r.Problems, r.ExitCode())
	}
	kept, err := d.memory.Problems()
	if err != nil || len(kept) != 1 || kept[0].Retry > w.clock+int64(3*time.Second) {
		t.Errorf("remembered: %v, %v", kept, err)
	}
	slept := 0
	r, err = open(func(_ context.Context, d time.Duration) error {
		slept++
		w.clock += int64(d)
		return nil
	}).Run(t.Context())
	if err != nil || slept != 1 || r.Sent != 1 || len(r.Problems) != 0 {
		t.Errorf("%v: slept %d times: %+v", err, slept, r)
	}
}

// A set of which not all can be read is left alone.
func TestSetUnreadable(t *testing.T) {
	w := calm(t, 2)
	w.sets, w.states = []string{setName}, make(map[proto.Hash]bool)
	a := w.devices[0]
	a.disk.put("e/", "")
	a.disk.put("e/one", "1")
	a.disk.put("e/two", "2")
	w.made(a.disk)
	w.syncs(t, 0, 1)
	a.disk.put("e/one", "11").locked = true
	a.disk.put("e/two", "22")
	w.made(a.disk)
	commits := w.server.commits
	w.syncs(t, 0, 1)
	if w.server.commits != commits {
		t.Error("some of it was sent")
	}
}

// The mode of a set's folder is a part of what the set is, also for a watcher that is told of nothing else: it comes with all the set
// holds, not beside what a user puts into it at that moment.
func TestModeOfASet(t *testing.T) {
	w := calm(t, 2)
	w.sets, w.states, w.watching = []string{setName}, make(map[proto.Hash]bool), true
	a, b := w.devices[0], w.devices[1]
	a.disk.put("e/", "")
	a.disk.put("e/one", "1")
	w.made(a.disk)
	w.syncs(t, 0, 1)
	a.disk.root.kids["e"].mode = 0o700
	a.disk.root.kids["e"].ctime = a.disk.tick()
	w.made(a.disk)
	w.syncs(t, 0)
	w.during = func(what string) {
		if what == "set" {
			w.during = nil
			b.disk.put("e/two", "2")
			w.made(b.disk)
		}
	}
	if _, err := w.sync(b); err != nil {
		t.Fatal(err)
	}
	w.noMixture(b.disk, "its mode was changed")
	w.syncs(t, 0, 1)
	if mode := b.disk.root.kids["e"].mode; mode != 0o700 {
		t.Errorf("b has mode %o", mode)
	}
}

// A set whose folder could not be made waits for the next plan.
func TestSetInAFolderThatCouldNotBeMade(t *testing.T) {
	w := calm(t, 2)
	w.sets, w.states = []string{setName}, make(map[proto.Hash]bool)
	a, b := w.devices[0], w.devices[1]
	w.syncs(t, 0, 1)
	a.disk.put("d/", "")
	a.disk.put("d/"+setName+"/", "")
	a.disk.put("d/"+setName+"/one", "1")
	w.made(a.disk)
	w.during = func(what string) {
		if what == "commit" {
			w.during = nil
			b.disk.put("d", "a file of this name")
			w.syncs(t, 1)
		}
	}
	for range 2 {
		if _, err := w.sync(a); err != nil {
			t.Fatal(err)
		}
		if _, err := w.sync(b); err != nil {
			t.Fatal(err)
		}
	}
	want(t, "B", b.disk.names(), a.disk.names())
	if n := len(w.server.entries(w.server.root)); n != 4 {
		t.Errorf("%d names on the server: %s", n, w.server.names())
	}
}
