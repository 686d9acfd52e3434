package mirror

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/internal/client"
	"sluice/internal/proto"
	"sluice/internal/state"
)

// The safety rules of the sync client, each with the simulator's parts: see "Safety rules" in the product's description.

// calm is a world in which nothing goes wrong by itself.
func calm(t *testing.T, devices int) *world {
	w := newWorld(1, devices)
	t.Cleanup(func() {
		if w.fail != "" {
			t.Error(w.fail)
		}
		if t.Failed() {
			t.Log(strings.Join(w.log, "\n"))
		}
	})
	return w
}

// put writes a file as a user does; a path ending with a slash makes a folder.
func (d *disk) put(path, data string) *inode {
	folder, n, name := d.at(strings.TrimSuffix(path, "/"))
	switch {
	case strings.HasSuffix(path, "/"):
		n = d.make(proto.KindFolder, "", 0o755)
		folder.kids[name] = n
	case n == nil:
		n = d.make(proto.KindFile, data, 0o644)
		folder.kids[name] = n
	default:
		n.data, n.mtime = data, d.w.tick()
		n.ctime = n.mtime
	}
	d.touch(folder, n)
	return n
}

func (d *disk) remove(path string) {
	folder, _, name := d.at(path)
	delete(folder.kids, name)
	d.touch(folder, nil)
}

// names is a disk on one line: paths, with the contents of files.
func (d *disk) names() string {
	var list []string
	d.walk(d.root, "", func(path string, n *inode) {
		if n.kind == proto.KindFolder {
			list = append(list, path+"/")
		} else {
			list = append(list, path+"="+n.data)
		}
	})
	return strings.Join(list, " ")
}

func (s *simServer) names() string {
	var list []string
	var below func(id int64, path string)
	below = func(id int64, path string) {
		for _, n := range s.nodes {
			if n.Parent != id {
				continue
			}
			if n.Kind == client.KindFolder {
				list = append(list, path+n.Name+"/")
				below(n.Node, path+n.Name+"/")
			} else {
				list = append(list, path+n.Name+"="+s.held[n.Hash])
			}
		}
	}
	below(s.root, "")
	slices.Sort(list)
	return strings.Join(list, " ")
}

// runs runs devices one after another and wants each to end with the code.
func runs(t *testing.T, w *world, code int, devices ...int) *Result {
	t.Helper()
	var last *Result
	for _, i := range devices {
		result, err := w.sync(w.devices[i])
		got := client.ExitCode(err)
		if err == nil {
			got = result.ExitCode()
		}
		if got != code {
			t.Fatalf("device %d ended with %d, %v; want %d", i, got, err, code)
		}
		last = result
	}
	return last
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s\nwant: %s", what, got, want)
	}
}

// What is recorded as synced is durable here: nothing is recorded while names are not (the simulator's state looks at each
// record), and a file that a crash has cut short is fetched again, not sent.
func TestRule1SyncedBeforeRecorded(t *testing.T) {
	w := calm(t, 2)
	a, b := w.devices[0].disk, w.devices[1].disk
	a.put("f", "all of it")
	runs(t, w, 0, 0, 1)
	_, n, _ := b.at("f")
	n.data = "all"
	b.touch(b.root, nil)
	runs(t, w, 0, 1, 0)
	want(t, "the damaged one", b.names(), "f=all of it")
	want(t, "the other one", a.names(), "f=all of it")

	n.data = "all" // a user's edit of the same kind moves the times
	n.mtime = w.tick()
	n.ctime = n.mtime
	b.put("f", "all")
	runs(t, w, 0, 1, 0)
	want(t, "after an edit", a.names(), "f=all")
}

func TestRule3RootGone(t *testing.T) {
	w := calm(t, 1)
	d := w.devices[0]
	d.disk.put("f", "1")
	runs(t, w, 0, 0)
	d.disk.gone = true
	runs(t, w, client.ExitSafety, 0)
	d.disk.gone = false
	d.mirror, d.sure = nil, false

	d.disk.root.ino += 1000 // another folder in its place
	runs(t, w, client.ExitSafety, 0)
	d.mirror, d.sure = nil, true // deletes were said to be right, not this
	runs(t, w, client.ExitSafety, 0)
	d.disk.root.ino -= 1000
	d.mirror, d.sure = nil, false

	d.disk.mark = "another's"
	runs(t, w, client.ExitSafety, 0)
	want(t, "the server", w.server.names(), "f=1")
}

func TestRule3EmptiedRoot(t *testing.T) {
	w := calm(t, 1)
	d := w.devices[0].disk
	d.put("f", "1")
	d.put("g", "2")
	runs(t, w, 0, 0)
	d.remove("f")
	d.remove("g")
	_, err := w.sync(w.devices[0])
	var stopped *SafetyError
	if !errors.As(err, &stopped) || len(stopped.List) != 2 || !slices.Contains(stopped.List, "f") || !slices.Contains(stopped.List, "g") {
		t.Fatalf("%v", err)
	}
	want(t, "the server", w.server.names(), "f=1 g=2")
	runs(t, w, 0, 0) // its user has looked
	want(t, "the server", w.server.names(), "")
}

func TestRule3MassDelete(t *testing.T) {
	w := calm(t, 2)
	d := w.devices[0].disk
	for i := range 200 {
		d.put(string(rune('a'+i%20))+string(rune('a'+i/20)), "x")
	}
	runs(t, w, 0, 0, 1)
	for i := range 100 {
		d.remove(string(rune('a'+i%20)) + string(rune('a'+i/20)))
	}
	_, err := w.sync(w.devices[0])
	var stopped *SafetyError
	if !errors.As(err, &stopped) || len(stopped.List) != 100 {
		t.Fatalf("%v", err)
	}
	if n := len(w.server.entries(w.server.root)); n != 200 {
		t.Errorf("%d left", n)
	}
}

func TestRule3ServerFolderGone(t *testing.T) {
	w := calm(t, 1)
	d := w.devices[0]
	d.disk.put("f", "1")
	runs(t, w, 0, 0)
	w.server.remove(w.server.nodes[w.server.root])
	d.mirror = nil
	runs(t, w, client.ExitSafety, 0)
	w.server.add(1, "docs", client.Entry{Kind: client.KindFolder})
	d.mirror, d.sure = nil, false
	runs(t, w, client.ExitSafety, 0)
	want(t, "here", d.disk.names(), "f=1")
}

func TestRule4UnreadableIsNoDelete(t *testing.T) {
	w := calm(t, 2)
	a := w.devices[0].disk
	locked := a.put("locked", "1")
	a.put("d/", "")
	folder := a.put("d", "")
	a.put("d/x", "2")
	runs(t, w, 0, 0, 1)
	locked.locked, folder.locked = true, true
	a.put("other", "3")
	result := runs(t, w, client.ExitSomeFailed, 0)
	if len(result.Problems) != 2 {
		t.Errorf("%v", result.Problems)
	}
	want(t, "the server", w.server.names(), "d/ d/x=2 locked=1 other=3")
	if root := w.devices[0].memory.root; root.Synced == root.Journal {
		t.Error("it is said to be in sync")
	}
	locked.locked, folder.locked = false, false
	runs(t, w, 0, 0, 1)
	want(t, "the other device", w.devices[1].disk.names(), a.names())
	if len(w.devices[0].memory.problems) != 0 {
		t.Errorf("%v", w.devices[0].memory.problems)
	}
}

func TestRule5ServerFull(t *testing.T) {
	w := calm(t, 2)
	a := w.devices[0].disk
	for _, name := range []string{"f", "g", "h"} {
		a.put(name, name)
	}
	w.server.room = 1
	runs(t, w, client.ExitSpace, 0)
	if n := len(w.devices[0].memory.nodes); n != 1 {
		t.Errorf("%d agreed", n)
	}
	w.server.room = -1
	runs(t, w, 0, 0, 1)
	want(t, "the other device", w.devices[1].disk.names(), "f=f g=g h=h")
}

func TestRule5DiskFull(t *testing.T) {
	w := calm(t, 2)
	w.devices[0].disk.put("f", "1")
	runs(t, w, 0, 0)
	b := w.devices[1]
	b.disk.full = true
	runs(t, w, client.ExitSpace, 1)
	if len(b.memory.nodes) != 0 || b.memory.root.Synced != 0 {
		t.Error("something was agreed")
	}
	b.disk.full = false
	runs(t, w, 0, 1)
	want(t, "the device", b.disk.names(), "f=1")
}

func TestRule6RolledBackServer(t *testing.T) {
	w := calm(t, 2)
	a, b := w.devices[0].disk, w.devices[1].disk
	a.put("old", "1")
	a.put("edited", "1")
	runs(t, w, 0, 0, 1)
	backup := w.server.save()
	a.put("edited", "2")
	a.put("new", "1")
	a.put("d/", "")
	a.put("d/x", "1")
	a.remove("old")
	runs(t, w, 0, 0, 1)
	w.server.restore(backup)
	runs(t, w, 0, 0, 1, 0)
	all := "d/ d/x=1 edited=2 new=1 old=1"
	want(t, "the server", w.server.names(), all)
	want(t, "A", a.names(), all)
	want(t, "B", b.names(), all)
}

// A watcher, which looks at parts, looks at all when the server went back.
func TestRule6RolledBackWhileWatching(t *testing.T) {
	w := calm(t, 2)
	w.watching = true
	a, b := w.devices[0].disk, w.devices[1].disk
	a.put("old", "1")
	runs(t, w, 0, 0, 1)
	backup := w.server.save()
	a.put("new", "1")
	runs(t, w, 0, 0, 1)
	w.server.restore(backup)
	runs(t, w, 0, 0, 1)
	want(t, "the server", w.server.names(), "new=1 old=1")
	want(t, "A", a.names(), "new=1 old=1")
	want(t, "B", b.names(), "new=1 old=1")
}

// A server whose disk was put back without anybody telling it: its journal is behind.
func TestRule6RolledBackInOneEpoch(t *testing.T) {
	w := calm(t, 1)
	a := w.devices[0].disk
	a.put("old", "1")
	runs(t, w, 0, 0)
	backup := w.server.save()
	a.put("new", "1")
	runs(t, w, 0, 0)
	*w.server = *backup
	runs(t, w, 0, 0)
	want(t, "A", a.names(), "new=1 old=1")
	want(t, "the server", w.server.names(), "new=1 old=1")
}

func TestRule7EditBeatsDelete(t *testing.T) {
	w := calm(t, 2)
	a, b := w.devices[0].disk, w.devices[1].disk
	a.put("f", "1")
	a.put("g", "1")
	a.put("rest", "1")
	runs(t, w, 0, 0, 1)
	a.remove("f")
	a.put("g", "2")
	b.put("f", "2")
	b.remove("g")
	runs(t, w, 0, 0, 1, 0)
	want(t, "A", a.names(), "f=2 g=2 rest=1")
	want(t, "B", b.names(), "f=2 g=2 rest=1")
}

func TestRule7BothEdited(t *testing.T) {
	w := calm(t, 2)
	a, b := w.devices[0].disk, w.devices[1].disk
	a.put("f.txt", "1")
	runs(t, w, 0, 0, 1)
	a.put("f.txt", "A's")
	b.put("f.txt", "B's")
	runs(t, w, 0, 0)
	result := runs(t, w, client.ExitConflicts, 1)
	if len(result.Conflicts) != 1 || result.Conflicts[0].Other != "f.txt" {
		t.Errorf("%v", result.Conflicts)
	}
	runs(t, w, 0, 0)
	date := time.Unix(0, w.clock).Format("2006-01-02")
	both := "f (conflict B " + date + ").txt=B's f.txt=A's"
	want(t, "A", a.names(), both)
	want(t, "B", b.names(), both)
	if len(w.devices[1].memory.conflicts) != 1 {
		t.Error("the conflict is not remembered")
	}
	b.remove("f (conflict B " + date + ").txt")
	w.devices[1].looked = false
	runs(t, w, 0, 1)
	if len(w.devices[1].memory.conflicts) != 0 {
		t.Error("the conflict is still remembered")
	}
}

func TestRule8EqualNeverConflicts(t *testing.T) {
	w := calm(t, 2)
	a, b := w.devices[0].disk, w.devices[1].disk
	a.put("f", "same")
	b.put("f", "same").mode = 0o600
	runs(t, w, 0, 0, 1, 0)
	a.put("f", "also the same")
	b.put("f", "also the same")
	runs(t, w, 0, 0, 1, 0)
	_, n, _ := a.at("f")
	n.mode, n.ctime = 0o755, w.tick()
	_, n, _ = b.at("f")
	n.mode, n.ctime = 0o640, w.tick()
	a.touch(a.root, nil)
	b.touch(b.root, nil)
	runs(t, w, 0, 0, 1, 0)
	want(t, "A", a.names(), "f=also the same")
	want(t, "B", b.names(), "f=also the same")
	if _, other, _ := a.at("f"); n.mode != other.mode {
		t.Errorf("modes %o and %o", n.mode, other.mode)
	}
}

func TestRule9ChangedWhileRead(t *testing.T) {
	w := calm(t, 1)
	d := w.devices[0].disk
	n := d.put("f", "before")
	w.during = func(what string) {
		if what == "sending" {
			n.data, n.mtime = "after", w.tick()
			n.ctime = n.mtime
			w.during = nil
		}
	}
	runs(t, w, 0, 0)
	want(t, "the server", w.server.names(), "f=after")
}

func TestRule10NoOrderByClock(t *testing.T) {
	w := calm(t, 2)
	a, b := w.devices[0].disk, w.devices[1].disk
	a.put("f", "1")
	runs(t, w, 0, 0, 1)
	w.clock -= int64(10 * 365 * 24 * time.Hour)
	b.put("f", "2")
	runs(t, w, 0, 1, 0)
	want(t, "an edit with an earlier time", a.names(), "f=2")
	w.clock += int64(20 * 365 * 24 * time.Hour)
	a.put("f", "3")
	w.clock -= int64(10 * 365 * 24 * time.Hour)
	runs(t, w, 0, 0, 1)
	want(t, "an edit of the future", b.names(), "f=3")
}

// A folder that is taken out of the sync and put in again loses nothing, whatever happened meanwhile.
func TestRule11TakenOutOfTheSync(t *testing.T) {
	w := calm(t, 2)
	d := w.devices[0]
	d.disk.put("f", "1")
	d.disk.put("g", "1")
	runs(t, w, 0, 0, 1)
	w.devices[1].disk.remove("f")
	runs(t, w, 0, 1)
	r := &d.memory.root
	d.memory.root = state.SyncRoot{Server: r.Server, Path: r.Path, Dir: r.Dir, Device: r.Device}
	d.memory.nodes, d.memory.news, d.mirror = nil, nil, nil
	runs(t, w, 0, 0, 1)
	want(t, "here", d.disk.names(), "f=1 g=1")
	want(t, "there", w.devices[1].disk.names(), "f=1 g=1")
}

func TestRule12TwoPopulatedFoldersMerge(t *testing.T) {
	w := calm(t, 2)
	a, b := w.devices[0].disk, w.devices[1].disk
	for _, d := range []*disk{a, b} {
		d.put("d/", "")
		d.put("d/same", "1")
		d.put("d/"+d.name, "1")
		d.put("other", d.name+"'s")
	}
	runs(t, w, 0, 0)
	runs(t, w, client.ExitConflicts, 1)
	runs(t, w, 0, 0)
	date := time.Unix(0, w.clock).Format("2006-01-02")
	all := "d/ d/A=1 d/B=1 d/same=1 other=A's other (conflict B " + date + ")=B's"
	want(t, "A", a.names(), all)
	want(t, "B", b.names(), all)
}

func TestRule14InSync(t *testing.T) {
	w := calm(t, 2)
	d := w.devices[0]
	synced := func() bool {
		return d.memory.root.Scanned != 0 && d.memory.root.Synced == d.memory.root.Journal && d.memory.root.Synced != 0
	}
	d.disk.put("f", "1")
	d.disk.put("folder/", "")
	d.disk.put("folder/in it/", "")
	if synced() {
		t.Error("before the first run")
	}
	runs(t, w, 0, 0)
	if _, news, err := d.memory.Count(); err != nil || news != 0 {
		t.Errorf("after it: %d names of the server are still to come, %v", news, err)
	}
	if !synced() || d.memory.root.Synced != w.server.journal {
		t.Errorf("after it: %+v, the server is at %d", d.memory.root, w.server.journal)
	}
	w.devices[1].disk.put("g", "1")
	runs(t, w, 0, 1)
	d.disk.full = true
	runs(t, w, client.ExitSpace, 0)
	if synced() {
		t.Error("what came could not be written")
	}
	d.disk.full = false
	runs(t, w, 0, 0)
	if !synced() {
		t.Error("when it could")
	}
	d.disk.put("h", "1")
	w.server.room = 0
	runs(t, w, client.ExitSpace, 0)
	if synced() {
		t.Error("what is new here could not be sent")
	}
	w.server.room = -1
	runs(t, w, 0, 0)
	if !synced() {
		t.Error("in the end")
	}
}
