package mirror

import (
	"fmt"
	"strings"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// write makes a content nobody has written before, or now and then, or often, one that somebody has.
func (w *world) write() string {
	n := w.next()
	if w.chance(12) {
		n = 1 + w.rand.Int64N(n)
	}
	if w.alike && w.chance(2) {
		n = 1 + w.rand.Int64N(4)
	}
	return fmt.Sprintf("content %06d%s", n, strings.Repeat(".", int(n%3)))
}

// wrote notes that a user put a content on a disk.
func (w *world) wrote(d *disk, data string) {
	h := hashOf(data)
	if w.written[h] == "" {
		w.written[h] = d.name
	}
}

// drop notes that a user took contents off a disk.
func (w *world) drop(d *disk, n *inode) {
	if n == nil {
		return
	}
	if n.kind != proto.KindFolder {
		w.dropped[hashOf(n.data)] = true
	}
	for _, k := range n.kids {
		w.drop(d, k)
	}
	d.freed(n)
}

// folders lists all folders of a disk with their paths; all lists everything else too.
func (d *disk) list() (folders, all []string) {
	folders = []string{""}
	d.walk(d.root, "", func(path string, n *inode) {
		all = append(all, path)
		if n.kind == proto.KindFolder {
			folders = append(folders, path)
		}
	})
	return folders, all
}

func (w *world) pick(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[w.rand.IntN(len(list))]
}

// place is a random name in a random folder.
func (w *world) place(d *disk) (folder *inode, name, path string) {
	folders, _ := d.list()
	at := w.pick(folders)
	if w.states != nil && w.chance(2) {
		if sets := setsAmong(folders); len(sets) > 0 {
			at = w.pick(sets)
		}
	}
	name = string(rune('a' + w.rand.IntN(5)))
	if strings.Count(at, "/") > 2 {
		at = ""
	}
	_, folder, _ = d.at(at)
	if at == "" {
		return d.root, name, name
	}
	return folder, name, at + "/" + name
}

// use is one thing a user does on a disk.
func (w *world) use(d *disk) {
	d.undo = nil // what users see is there
	_, all := d.list()
	path := w.pick(all)
	parent, n, name := d.at(path)
	folder, newName, newPath := w.place(d)
	there := folder.kids[newName]
	defer func() { // whatever it was
		w.made(d)
		d.touchName(folder, folder.kids[newName], newName)
		if parent != nil {
			d.touchName(parent, parent.kids[name], name)
		}
	}()
	switch op := w.rand.IntN(16); {
	case len(all) == 0 || op <= 2: // write a file, perhaps over another one, in place
		data := w.write()
		switch {
		case there == nil:
			folder.kids[newName] = d.make(proto.KindFile, data, 0o644)
		case there.kind == proto.KindFile:
			w.drop(d, &inode{data: there.data})
			there.data, there.mtime = data, d.tick()
			there.ctime = there.mtime
		default:
			return
		}
		w.wrote(d, data)
		w.note("%s: user writes %s: %s", d.name, newPath, data)
	case op <= 4: // edit in place
		if n.kind != proto.KindFile {
			return
		}
		w.drop(d, &inode{data: n.data})
		n.data = w.write()
		n.mtime = d.tick()
		n.ctime = n.mtime
		w.wrote(d, n.data)
		w.note("%s: user edits %s: %s", d.name, path, n.data)
	case op == 5: // as editors do: a new file over the old one
		if n.kind == proto.KindFolder {
			return
		}
		w.drop(d, n)
		k := d.make(proto.KindFile, w.write(), n.mode)
		parent.kids[name] = k
		w.wrote(d, k.data)
		w.note("%s: user replaces %s: %s", d.name, path, k.data)
	case op <= 7: // delete, with all below
		delete(parent.kids, name)
		w.drop(d, n)
		w.note("%s: user deletes %s", d.name, path)
	case op <= 9:
		if there == nil {
			folder.kids[newName] = d.make(proto.KindFolder, "", 0o755)
			w.note("%s: user makes folder %s", d.name, newPath)
		}
	case op <= 12: // rename, over a file too
		if d.holds(n, folder) || n == there || w.mixes(n, name, newName) || there != nil && (there.kind == proto.KindFolder || n.kind == proto.KindFolder) {
			return
		}
		if there != nil {
			w.drop(d, there)
		}
		delete(parent.kids, name)
		folder.kids[newName] = n
		n.ctime = d.tick()
		w.note("%s: user moves %s to %s", d.name, path, newPath)
	case op == 13: // exchange two names
		if there == nil || w.mixes(n, name, newName) || w.mixes(there, newName, name) || d.holds(n, folder) || d.holds(there, parent) || n == there {
			return
		}
		parent.kids[name], folder.kids[newName] = there, n
		n.ctime, there.ctime = d.tick(), d.tick()
		w.note("%s: user exchanges %s and %s", d.name, path, newPath)
	case op == 14:
		n.mode = []uint32{0o600, 0o644, 0o755, 0o700}[w.rand.IntN(4)]
		if n.kind == proto.KindFolder {
			n.mode |= 0o700
		}
		if n.kind == proto.KindLink {
			n.mode = 0o777
		}
		n.ctime = d.tick()
		w.note("%s: user sets the mode of %s", d.name, path)
	default: // delete and make anew, or a link
		if there != nil {
			return
		}
		k := d.make(proto.KindLink, "target "+w.write(), 0o777)
		folder.kids[newName] = k
		w.wrote(d, k.data)
		w.note("%s: user links %s", d.name, newPath)
	}
}

// foreign is a change that another program makes on the server.
func (w *world) foreign() {
	s := w.server
	list := s.entries(s.root)
	if len(list) == 0 {
		return
	}
	e := list[w.rand.IntN(len(list))]
	defer w.made(nil)
	switch w.rand.IntN(3) {
	case 0:
		if e.Kind != client.KindFile {
			return
		}
		data := w.write()
		s.held[hashOf(data)] = data
		w.dropped[e.Hash] = true
		w.note("server: %d gets %s", e.Node, data)
		s.apply(&client.CommitRequest{Changes: []client.Change{{
			Op: client.OpPut, Parent: client.Place{Node: e.Parent}, Name: e.Name, Kind: client.KindFile, Hash: hashOf(data), Size: int64(len(data)),
			Mode: 0o644, Mtime: w.tick(), Expect: e.Version,
		}}})
	case 1: // out of the folder
		w.note("server: %d %s leaves", e.Node, e.Name)
		for _, k := range append(s.entries(e.Node), e) {
			w.dropped[k.Hash] = true
		}
		s.apply(&client.CommitRequest{Changes: []client.Change{{
			Op: client.OpMove, Node: e.Node, Parent: client.Place{Node: 1}, Name: fmt.Sprint("out", w.next()), Expect: 0, ExpectNode: client.ExpectAny,
		}}})
	case 2: // back
		for _, id := range sorted(s.nodes) {
			if n := s.nodes[id]; n.Parent == 1 && n.Node != s.root {
				w.note("server: %d comes back", n.Node)
				s.apply(&client.CommitRequest{Changes: []client.Change{{
					Op: client.OpMove, Node: n.Node, Parent: client.Place{Node: s.root}, Name: fmt.Sprint("in", w.next()), Expect: 0, ExpectNode: client.ExpectAny,
				}}})
				return
			}
		}
	}
}
