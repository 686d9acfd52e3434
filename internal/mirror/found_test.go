package mirror

import (
	"context"
	"errors"
	"strings"
	"testing"

	"sluice/internal/client"
	"sluice/internal/state"
)

// What the simulator has found, and what a network and a watcher do to the rules, each as a small schedule of its own.

// A delete then a listing, under a network that answers late: what was deleted does not come back.
func TestDeletedStaysDeleted(t *testing.T) {
	w := calm(t, 2)
	a, b := w.devices[0].disk, w.devices[1].disk
	a.put("f", "1")
	a.put("rest", "1")
	runs(t, w, 0, 0, 1)
	a.remove("f")
	w.during = func(what string) {
		if what == "commit's reply" {
			w.during = nil
			runs(t, w, 0, 1) // the other one learns of it before we do
		}
	}
	runs(t, w, 0, 0)
	w.server.forgot = w.server.journal // and lists everything anew
	runs(t, w, 0, 1, 0)
	want(t, "A", a.names(), "rest=1")
	want(t, "B", b.names(), "rest=1")
	want(t, "the server", w.server.names(), "rest=1")
}

// dies lets a device sync until the process ends, at the first call of an engine that is meant.
func dies(t *testing.T, w *world, d *simDevice, meant func(what string) bool) {
	t.Helper()
	w.during = func(what string) {
		if meant(what) {
			w.during = nil
			panic(crash{})
		}
	}
	if _, err := w.sync(d); !errors.Is(err, errLost) {
		t.Fatal(err)
	}
}

// synced is one device with files, like name=text, that the server has too.
func synced(t *testing.T, files ...string) (*world, *simDevice) {
	t.Helper()
	w := calm(t, 1)
	d := w.devices[0]
	for _, f := range files {
		name, text, _ := strings.Cut(f, "=")
		d.disk.put(name, text)
	}
	runs(t, w, 0, 0)
	return w, d
}

// take takes a name of the root away, of which only a look at all tells.
func (d *simDevice) take(name string) *inode {
	n := d.disk.root.kids[name]
	delete(d.disk.root.kids, name)
	d.looked = false
	return n
}

// Our own commit whose reply was lost is no other device's edit, though the file was edited since.
func TestOwnCommitIsKnown(t *testing.T) {
	w, d := synced(t, "f=1")
	d.disk.put("f", "2")
	dies(t, w, d, func(what string) bool { return what == "commit's reply" })
	d.disk.put("f", "3")
	runs(t, w, 0, 0)
	want(t, "here", d.disk.names(), "f=3")
	want(t, "there", w.server.names(), "f=3")
}

// A file's new time is not forgotten when the process ends between its move and the time, which are two commits.
func TestTimeOfAMovedFile(t *testing.T) {
	w, d := synced(t, "e=1", "other=2")
	n := d.take("e")
	d.disk.root.kids["f"] = n
	n.mtime, n.ctime = w.tick(), w.tick()
	dies(t, w, d, func(what string) bool { return what == "commit" && w.server.child(w.server.root, "f") != nil })
	runs(t, w, 0, 0)
	if there := w.server.child(w.server.root, "f"); there.Mtime != n.mtime {
		t.Errorf("the server has the time %d, not %d", there.Mtime, n.mtime)
	}
}

// The same where the server has to be listed anew, as it remembers no deletes that old.
func TestOwnCommitsAreKnownInAListing(t *testing.T) {
	w, d := synced(t, "f=1", "gone=2")
	d.disk.put("f", "3")
	gone := d.take("gone")
	dies(t, w, d, func(what string) bool {
		return what == "commit's reply" && w.server.child(w.server.root, "gone") == nil
	})
	w.server.forgot = w.server.journal
	d.disk.put("f", "4")
	gone.ctime = w.tick()
	d.disk.root.kids["gone"] = gone
	runs(t, w, 0, 0)
	want(t, "here", d.disk.names(), "f=4 gone=2")
	want(t, "there", w.server.names(), "f=4 gone=2")
}

// Our own delete whose reply was lost is no other device's delete of what got that name since.
func TestOwnDeleteIsKnown(t *testing.T) {
	w, d := synced(t, "d=1", "e=2")
	n := d.take("d")
	d.disk.root.kids["e"] = n
	n.ctime = w.tick()
	dies(t, w, d, func(what string) bool { return what == "commit's reply" && w.server.child(w.server.root, "d") == nil })
	d.disk.root.kids = map[string]*inode{"d": n}
	n.ctime = w.tick()
	runs(t, w, 0, 0)
	want(t, "here", d.disk.names(), "d=1")
	want(t, "there", w.server.names(), "d=1")
}

// Our own commit, whose reply was lost and over which another device has put something else by now, is what both sides had last:
// a file that is moved back to where it was before is an edit, not what was agreed once.
func TestOwnCommitThatWasReplaced(t *testing.T) {
	w := calm(t, 2)
	a, b := w.devices[0], w.devices[1]
	b.disk.put("a", "1")
	b.disk.put("d", "2")
	runs(t, w, 0, 1, 0)
	kids := b.disk.root.kids
	kids["a"], kids["d"] = kids["d"], kids["a"]
	b.looked = false
	dies(t, w, b, func(what string) bool { return what == "commit's reply" })
	runs(t, w, 0, 0)
	a.disk.put("a", "3")
	runs(t, w, 0, 0)
	kids = b.disk.root.kids
	kids["a"] = kids["d"]
	delete(kids, "d")
	b.looked = false
	runs(t, w, client.ExitConflicts, 1)
	runs(t, w, 0, 0, 1)
	const all = "a=3 a (conflict B 2023-11-14)=1"
	want(t, "A", a.disk.names(), all)
	want(t, "B", b.disk.names(), all)
}

// A delete that was given up does not arrive after the user has made the same again.
func TestLateDelete(t *testing.T) {
	w, d := synced(t, "e=1", "other=2")
	kept := d.take("e")
	dies(t, w, d, func(what string) bool { return what == "commit" })
	keys, err := d.state().Aloft()
	if err != nil || len(keys) != 1 {
		t.Fatalf("%d commits are on their way, %v", len(keys), err)
	}
	n := w.server.child(w.server.root, "e")
	d.disk.root.kids["e"] = kept
	runs(t, w, 0, 0)
	late := &client.CommitRequest{Key: keys[0], Changes: []client.Change{{Op: client.OpDelete, Node: n.Node, Expect: n.Version}}}
	if _, err := w.server.once(late); client.CodeOf(err) != client.KeyReused {
		t.Errorf("the delete that came late: %v", err)
	}
	runs(t, w, 0, 0)
	want(t, "here", d.disk.names(), "e=1 other=2")
	if keys, err := d.state().Aloft(); err != nil || len(keys) != 0 {
		t.Errorf("%d commits are on their way, %v", len(keys), err)
	}
}

// What another device has made is not ours because we once tried the same.
func TestAnothersCommitIsNotOurs(t *testing.T) {
	w := calm(t, 2)
	a, b := w.devices[0], w.devices[1]
	a.disk.put("e", "1")
	runs(t, w, 0, 0, 1)
	ends := func(at string) {
		t.Helper()
		dies(t, w, a, func(what string) bool { return what == at })
	}
	a.disk.put("e", "2")
	ends("commit")
	ends("send")
	a.disk.put("e", "3")
	b.disk.put("e", "2")
	runs(t, w, 0, 1)
	runs(t, w, client.ExitConflicts, 0)
	if n := w.server.child(w.server.root, "e"); w.server.held[n.Hash] != "2" {
		t.Errorf("the server has %s", w.server.names())
	}
}

// What was fetched and not recorded is no edit, though the server has gone back to what was agreed meanwhile.
func TestOwnFetchIsKnown(t *testing.T) {
	w := calm(t, 2)
	a, b := w.devices[0], w.devices[1]
	a.disk.put("f", "1")
	runs(t, w, 0, 0, 1)
	a.disk.put("f", "2")
	runs(t, w, 0, 0)
	b.kept = &crashing{Memory: b.memory, at: func(batch *state.SyncBatch) bool { return len(batch.Nodes) > 0 }}
	b.mirror = nil
	if _, err := w.sync(b); !errors.Is(err, errLost) {
		t.Fatal(err)
	}
	b.kept = nil
	want(t, "B", b.disk.names(), "f=2")
	a.disk.put("f", "1")
	runs(t, w, 0, 0, 1, 0)
	want(t, "A", a.disk.names(), "f=1")
	want(t, "B", b.disk.names(), "f=1")
}

// crashing ends its engine at a record.
type crashing struct {
	Memory
	at func(*state.SyncBatch) bool
}

func (c *crashing) Apply(b *state.SyncBatch) error {
	if c.at(b) {
		panic(crash{})
	}
	return c.Memory.Apply(b)
}

// A file written a moment before it was read is read again, as its facts do not tell it from one written a moment after. It is
// not sent again.
func TestFreshFileIsSentOnce(t *testing.T) {
	w := calm(t, 2)
	w.coarse = true
	a := w.devices[0]
	n := a.disk.put("f", "1")
	runs(t, w, 0, 0)
	if ctime := a.memory.nodes[w.server.child(w.server.root, "f").Node].FactCtime; ctime != 0 {
		t.Fatalf("its facts are trusted: %d", ctime)
	}
	commits := w.server.commits
	if r := runs(t, w, 0, 0); w.server.commits != commits || r.Sent != 0 {
		t.Errorf("%d commits, %d sent", w.server.commits-commits, r.Sent)
	}
	n.mode, n.ctime = 0o600, a.disk.tick()
	a.disk.touch(a.disk.root, n)
	if r := runs(t, w, 0, 0); r.Sent != 0 || r.Set != 1 {
		t.Errorf("%d sent, %d set", r.Sent, r.Set)
	}
	n.data, n.mtime = "2", a.disk.tick() // as long as before
	n.ctime = n.mtime
	a.disk.touch(a.disk.root, n)
	runs(t, w, 0, 0, 1)
	want(t, "B", w.devices[1].disk.names(), "f=2")
}

// A part that is looked at costs what it holds, not what the folder holds.
func TestRoundLooksAtParts(t *testing.T) {
	w := calm(t, 2)
	a := w.devices[0]
	for _, top := range []string{"x", "y"} {
		a.disk.put(top+"/", "")
		for i := range 50 {
			a.disk.put(top+"/"+string(rune('a'+i%25))+string(rune('a'+i/25)), top)
		}
	}
	runs(t, w, 0, 0, 1)
	a.disk.put("x/new", "1")
	if _, err := a.mirror.Round(context.Background(), a.disk.parts()[len(a.disk.dirty)-1:]); err != nil {
		t.Fatal(err)
	}
	if a.disk.scanned > 60 {
		t.Errorf("%d names were read", a.disk.scanned)
	}
	b := w.devices[1]
	if _, err := b.mirror.Round(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	if b.disk.scanned > 60 {
		t.Errorf("%d names were read for a change on the server", b.disk.scanned)
	}
	want(t, "the other device", b.disk.names(), a.disk.names())
}

// A folder whose old place another one has by now is still known, with all it holds.
func TestPlaceTakenByAnother(t *testing.T) {
	w := calm(t, 2)
	a, b := w.devices[0].disk, w.devices[1].disk
	a.put("a", "1")
	a.put("b/", "")
	a.put("b/d/", "")
	a.put("b/d/x", "1")
	runs(t, w, 0, 0, 1)
	move := func(d *disk, from, to string) {
		n := d.root.kids[from]
		delete(d.root.kids, from)
		d.root.kids[to] = n
		n.ctime = w.tick()
		d.touch(d.root, n)
	}
	move(b, "b", "c")
	b.put("c/d/n", "1")
	runs(t, w, 0, 1)
	move(a, "b", "z")
	move(a, "a", "b")
	a.root.kids["z"].kids = map[string]*inode{}
	w.during = func(what string) {
		if what == "move" {
			w.during = nil
			move(a, "z", "y") // so that it cannot get the server's place in this round
		}
	}
	runs(t, w, 0, 0, 1, 0)
	want(t, "B", b.names(), "b=1 c/ c/d/ c/d/n=1")
	want(t, "A", a.names(), b.names())
}

// What was known to be newer on the server, and not here yet, is no ancestor of what is here when the server is restored.
func TestRestoredWithNews(t *testing.T) {
	w := calm(t, 2)
	a, b := w.devices[0].disk, w.devices[1].disk
	a.put("f", "1")
	runs(t, w, 0, 0, 1)
	a.put("f", "2")
	runs(t, w, 0, 0)
	b.full = true
	runs(t, w, client.ExitSpace, 1)
	b.full = false
	w.server.restore(w.server.save())
	runs(t, w, 0, 1, 0)
	want(t, "A", a.names(), "f=2")
	want(t, "B", b.names(), "f=2")
}

// What one commit made in a folder that it made itself is no news, and neither is what went away with its folder before it was
// here.
func TestNoNewsAreLeft(t *testing.T) {
	w := calm(t, 2)
	a, b := w.devices[0], w.devices[1]
	count := func(d *simDevice) {
		t.Helper()
		if _, news, err := d.state().Count(); news != 0 || err != nil {
			t.Errorf("%s: %d news are left (%v)", d.disk.name, news, err)
		}
	}
	for _, path := range []string{"d/", "d/e/", "d/e/f/", "d/g/"} {
		a.disk.put(path, "")
	}
	a.disk.put("d/g/x", "1")
	runs(t, w, 0, 0)
	count(a)
	b.disk.full = true
	runs(t, w, client.ExitSpace, 1)
	b.disk.full = false
	w.server.apply(&client.CommitRequest{Changes: []client.Change{{
		Op: client.OpMove, Node: w.server.child(w.server.root, "d").Node, Parent: client.Place{Node: 1}, Name: "elsewhere", ExpectNode: client.ExpectAny,
	}}})
	runs(t, w, 0, 1)
	count(b)
	want(t, "B", b.disk.names(), "")
}
