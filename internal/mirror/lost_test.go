package mirror

import (
	"errors"
	"testing"

	"sluice/internal/state"
)

// move renames as a user does.
func (d *disk) move(from, to string) {
	folder, n, name := d.at(from)
	target, _, newName := d.at(to)
	delete(folder.kids, name)
	target.kids[newName] = n
	n.ctime = d.tick()
	d.touch(folder, nil)
	d.touch(target, n)
}

// Our own move whose reply was lost is no other device's: what was done here since is done to what has moved.
func TestOwnMoveIsKnown(t *testing.T) {
	for what, c := range map[string]struct {
		first string        // what is moved to b
		then  func(d *disk) // what a user does after that
		want  string
	}{
		"nothing":            {"a", func(d *disk) {}, "b=1 rest=1"},
		"moved on":           {"a", func(d *disk) { d.move("b", "c") }, "c=1 rest=1"},
		"moved back":         {"a", func(d *disk) { d.move("b", "a") }, "a=1 rest=1"},
		"edited":             {"a", func(d *disk) { d.put("b", "2") }, "b=2 rest=1"},
		"another in place":   {"a", func(d *disk) { d.put("a", "2") }, "a=2 b=1 rest=1"},
		"the same in place":  {"a", func(d *disk) { d.put("a", "1") }, "a=1 b=1 rest=1"},
		"deleted":            {"a", func(d *disk) { d.remove("b") }, "rest=1"},
		"rotated":            {"a", func(d *disk) { d.move("b", "c"); d.put("b", "2"); d.put("a", "3") }, "a=3 b=2 c=1 rest=1"},
		"folder":             {"d", func(d *disk) {}, "b/ b/x=1 rest=1"},
		"folder moved on":    {"d", func(d *disk) { d.move("b", "c") }, "c/ c/x=1 rest=1"},
		"folder moved back":  {"d", func(d *disk) { d.move("b", "d") }, "d/ d/x=1 rest=1"},
		"folder in place":    {"d", func(d *disk) { d.put("d/", ""); d.put("d/x", "2") }, "b/ b/x=1 d/ d/x=2 rest=1"},
		"folder deleted":     {"d", func(d *disk) { d.remove("b") }, "rest=1"},
		"folder of the same": {"d", func(d *disk) { d.put("d/", ""); d.put("d/x", "1") }, "b/ b/x=1 d/ d/x=1 rest=1"},
	} {
		for _, bornless := range []bool{false, true} {
			name := what
			if bornless {
				name += ", births unknown"
			}
			t.Run(name, func(t *testing.T) {
				w := calm(t, 2)
				a, b := w.devices[0], w.devices[1]
				a.disk.bornless = bornless
				a.disk.put("rest", "1")
				if c.first == "d" {
					a.disk.put("d/", "")
					a.disk.put("d/x", "1")
				} else {
					a.disk.put("a", "1")
				}
				runs(t, w, 0, 0, 1)
				a.disk.move(c.first, "b")
				dies(t, w, a, func(what string) bool { return what == "commit's reply" })
				c.then(a.disk)
				runs(t, w, 0, 0, 1)
				want(t, "A", a.disk.names(), c.want)
				want(t, "B", b.disk.names(), c.want)
			})
		}
	}
}

// Our own new folders, whose reply was lost, are the same ones as here, whatever was done to these since.
func TestOwnMkdirIsKnown(t *testing.T) {
	for what, c := range map[string]struct {
		then func(d *disk)
		want string
	}{
		"nothing":       {func(d *disk) {}, "d/ d/e/ d/e/y=1 d/x=1 rest=1"},
		"moved":         {func(d *disk) { d.move("d", "z") }, "rest=1 z/ z/e/ z/e/y=1 z/x=1"},
		"inner moved":   {func(d *disk) { d.move("d/e", "z") }, "d/ d/x=1 rest=1 z/ z/y=1"},
		"turned over":   {func(d *disk) { d.move("d/e", "z"); d.move("d", "z/e") }, "rest=1 z/ z/e/ z/e/x=1 z/y=1"},
		"deleted":       {func(d *disk) { d.remove("d") }, "rest=1"},
		"inner deleted": {func(d *disk) { d.remove("d/e") }, "d/ d/x=1 rest=1"},
		"made anew":     {func(d *disk) { d.remove("d"); d.put("d/", ""); d.put("d/z", "2") }, "d/ d/z=2 rest=1"},
	} {
		t.Run(what, func(t *testing.T) {
			w := calm(t, 2)
			a, b := w.devices[0], w.devices[1]
			a.disk.put("rest", "1")
			runs(t, w, 0, 0, 1)
			for _, path := range []string{"d/", "d/e/"} {
				a.disk.put(path, "")
			}
			a.disk.put("d/x", "1")
			a.disk.put("d/e/y", "1")
			dies(t, w, a, func(what string) bool { return what == "commit's reply" })
			c.then(a.disk)
			runs(t, w, 0, 0, 1)
			want(t, "A", a.disk.names(), c.want)
			want(t, "B", b.disk.names(), c.want)
		})
	}
}

// A file that was moved over another one, of which the server knows half, is the one it went over: not the one it was.
func TestOwnMoveOverIsKnown(t *testing.T) {
	for i, first := range []string{"a", "d", "a", "d"} { // which of both has the lower number
		w := calm(t, 2)
		a, b := w.devices[0], w.devices[1]
		b.disk.bornless = i > 1
		for _, path := range []string{first, "a", "d"} {
			a.disk.put(path, "of "+path)
			runs(t, w, 0, 0)
		}
		runs(t, w, 0, 1)
		b.disk.move("a", "d")
		b.kept = &crashing{Memory: b.memory, at: func(batch *state.SyncBatch) bool { return len(batch.Nodes) > 0 }}
		b.mirror, b.looked, w.batch = nil, false, 1
		if _, err := w.sync(b); !errors.Is(err, errLost) {
			t.Fatal(err)
		}
		want(t, "the server", w.server.names(), "a=of a d=of a")
		b.kept, b.mirror = nil, nil
		b.disk.move("d", "e")
		a.disk.put("a", "new")
		runs(t, w, 0, 0, 1, 0, 1)
		want(t, "A", a.disk.names(), "a=new e=of a")
		want(t, "B", b.disk.names(), "a=new e=of a")
	}
}
