package mirror

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"sluice/internal/proto"
	"sluice/internal/reconcile"
)

// inode is a file, folder or link of a simulated disk.
type inode struct {
	ino, born    int64
	kind         proto.Kind
	data         string // of a file; a link's target
	mode         uint32
	mtime, ctime int64
	kids         map[string]*inode
	locked       bool // cannot be read
}

// disk is a folder on a simulated file system, which is also the Folder of an engine.
type disk struct {
	w        *world
	name     string
	root     *inode
	bornless bool     // does not tell when an inode was born, and gives numbers again
	free     []int64  // numbers that may be given again
	undo     []func() // what a power cut takes back: names since the last Sync, the latest last
	mark     string
	changes  int // by the engine
	full     bool
	gone     bool // not mounted: another, empty folder is in its place
	dirty    []dirt
	scanned  int // names read by the last Scan
}

// dirt is a folder in which a user did something, as a watcher would tell; deep: it is new where it is.
type dirt struct {
	folder *inode
	deep   bool
	name   string // in the folder
}

// touch notes where a user did something.
func (d *disk) touch(folder *inode, n *inode) { d.touchName(folder, n, "") }

// touchName notes what a user did something to.
func (d *disk) touchName(folder *inode, n *inode, name string) {
	d.dirty = append(d.dirty, dirt{folder, false, name})
	if n != nil && n.kind == proto.KindFolder {
		d.dirty = append(d.dirty, dirt{n, true, ""})
	}
}

// parts is where the folders that were touched are now.
func (d *disk) parts() (parts []Part) {
	for _, one := range d.dirty {
		named := one.name != "" && d.w.batch > 0 && d.w.chance(2)
		add := func(path string) {
			p := Part{Path: path, Deep: one.deep}
			if named {
				p.Path, p.Name = strings.TrimPrefix(path+"/"+one.name, "/"), true
			}
			parts = append(parts, p)
		}
		if one.folder == d.root {
			add("")
		}
		d.walk(d.root, "", func(path string, n *inode) {
			if n == one.folder {
				add(path)
			}
		})
	}
	return parts
}

func newDisk(w *world, name string, bornless bool) *disk {
	d := &disk{w: w, name: name, bornless: bornless}
	d.root = d.make(proto.KindFolder, "", 0o755)
	return d
}

func (d *disk) make(kind proto.Kind, data string, mode uint32) *inode {
	n := &inode{kind: kind, data: data, mode: mode, mtime: d.tick()}
	n.ctime = n.mtime
	if k := len(d.free); d.bornless && k > 0 && d.w.chance(2) {
		n.ino, d.free = d.free[k-1], d.free[:k-1]
	} else {
		n.ino = d.w.next()
	}
	if !d.bornless {
		n.born = d.w.next()
	}
	if kind == proto.KindFolder {
		n.kids = make(map[string]*inode)
	}
	return n
}

func (n *inode) facts() reconcile.Facts {
	return reconcile.Facts{Size: int64(len(n.data)), Mtime: n.mtime, Ctime: n.ctime, Ino: uint64(n.ino), Born: n.born}
}

// granule is what the times of a coarse disk are multiples of.
const granule = 20_000_000

// tick is the time as the disk stamps it: on a coarse one changes within a granule look alike.
func (d *disk) tick() int64 {
	at := d.w.tick()
	if d.w.coarse {
		at = d.w.clock/granule*granule + int64(d.name[0])
	}
	return at
}

// factsRead are the facts of what began to be read at a time: too fresh to tell it from a later change they have no ctime.
func (d *disk) factsRead(n *inode, began int64) reconcile.Facts {
	f := n.facts()
	if d.w.coarse && began-f.Ctime < granule {
		f.Ctime = 0
	}
	return f
}

func hashOf(data string) proto.Hash { return sha256.Sum256([]byte(data)) }

// at finds a path, and the folder it is in. A nil inode: it is not there.
func (d *disk) at(path string) (folder, n *inode, name string) {
	if path == "" {
		return nil, d.root, ""
	}
	n = d.root
	for _, part := range strings.Split(path, "/") {
		if n == nil || n.kind != proto.KindFolder {
			return nil, nil, part
		}
		folder, name = n, part
		n = n.kids[part]
	}
	return folder, n, name
}

func (d *disk) walk(n *inode, path string, each func(path string, n *inode)) {
	for _, name := range slices.Sorted(maps.Keys(n.kids)) {
		at := name
		if path != "" {
			at = path + "/" + name
		}
		each(at, n.kids[name])
		d.walk(n.kids[name], at, each)
	}
}

// Scan has no problems here but for what is locked.
func (d *disk) Scan(ctx context.Context, parts []Part) (*reconcile.Tree, []Problem, error) {
	if err := d.w.point(d.name, "scan"); err != nil {
		return nil, nil, err
	}
	if d.w.coarse {
		d.w.clock += granule / 2 // a scan takes its time
	}
	root := d.root
	if d.gone {
		root = &inode{kind: proto.KindFolder, ino: -1}
	}
	t := reconcile.NewTree(d.entry("", root))
	d.scanned = 0
	s := scanner{d: d, t: t, parts: parts, all: parts == nil}
	s.scan(t.Root, root, "", parts == nil)
	return t, s.problems, nil
}

// scanner scans a disk, or parts of it.
type scanner struct {
	d        *disk
	t        *reconcile.Tree
	parts    []Part
	all      bool
	problems []Problem
}

// wants says whether a folder is looked at, or is on the way to one that is. A part that is not there is seen in the nearest
// folder above it that is.
func (s *scanner) wants(path string) (looked, deep, way bool) {
	for _, p := range s.parts {
		at := p.Path
		for at != "" {
			_, n, _ := s.d.at(at)
			if alone := p.Name && at == p.Path; n != nil && (n.kind == proto.KindFolder) != alone {
				break
			}
			at = above(at)
		}
		if at == path {
			looked, deep = true, deep || p.Deep && at == p.Path
		}
		way = way || path == "" || strings.HasPrefix(at, path+"/")
	}
	return looked, deep, way
}

func (d *disk) entry(name string, n *inode) *reconcile.Entry {
	e := &reconcile.Entry{Name: name, Kind: n.kind, Mode: n.mode, Mtime: n.mtime, Size: int64(len(n.data)), Facts: n.facts()}
	if n.kind == proto.KindLink {
		e.Hash, e.Hashed = hashOf(n.data), true
	}
	return e
}

func (s *scanner) scan(e *reconcile.Entry, folder *inode, path string, deep bool) {
	looked := deep
	if !deep {
		looked, deep, _ = s.wants(path)
	}
	looked = looked || deep
	e.Part = !looked
	for _, name := range slices.Sorted(maps.Keys(folder.kids)) {
		n := folder.kids[name]
		at := child(e, name)
		_, _, way := s.wants(at)
		into := n.kind == proto.KindFolder
		if wanted, _, _ := s.wants(at); hidden(name) || !looked && !wanted && !(into && way) {
			continue
		}
		s.d.scanned++
		c := s.d.entry(name, n)
		s.t.Add(e, c)
		if n.locked {
			c.Unknown = true
			s.problems = append(s.problems, Problem{Path: at, Reason: "permission denied", Err: fs.ErrPermission})
		} else if into {
			s.scan(c, n, at, deep)
		}
	}
}

func (d *disk) Ignored(path string, folder bool) bool { return strings.HasSuffix(path, ".ignored") }

func (d *disk) Hash(ctx context.Context, e *reconcile.Entry) error {
	if err := d.w.point(d.name, "hash"); err != nil {
		return err
	}
	_, n, _ := d.at(e.Path())
	if n == nil || n.kind != e.Kind {
		return ErrMeanwhile
	}
	if n.locked {
		return fs.ErrPermission
	}
	e.Hash, e.Hashed, e.Size, e.Mode, e.Mtime, e.Facts = hashOf(n.data), true, int64(len(n.data)), n.mode, n.mtime, d.factsRead(n, d.w.clock)
	return nil
}

// same says whether n is what e was.
func unchanged(n *inode, e *reconcile.Entry) bool {
	if n == nil || e == nil || n.kind != e.Kind {
		return n == nil && e == nil
	}
	if n.kind == proto.KindFolder {
		return uint64(n.ino) == e.Facts.Ino && n.born == e.Facts.Born
	}
	return n.facts() == e.Facts
}

// do changes a name for the engine, and how to take it back in a power cut.
func (d *disk) do(change, undo func()) {
	change()
	d.changes++
	d.w.noMixture(d, "a change here")
	d.undo = append(d.undo, undo)
}

func (d *disk) Mkdir(path string, mode uint32) (reconcile.Facts, error) {
	if err := d.w.point(d.name, "mkdir"); err != nil {
		return reconcile.Facts{}, err
	}
	folder, n, name := d.at(path)
	switch {
	case folder == nil:
		return reconcile.Facts{}, ErrMeanwhile
	case n != nil && n.kind != proto.KindFolder:
		return reconcile.Facts{}, ErrMeanwhile
	case n == nil:
		n = d.make(proto.KindFolder, "", mode)
		made := n
		d.do(func() { folder.kids[name] = made }, func() { delete(folder.kids, name) })
	}
	d.w.mayCrash(d.name, "mkdir")
	return n.facts(), nil
}

func (d *disk) Move(from, to string, was *reconcile.Entry) (reconcile.Facts, error) {
	if err := d.w.point(d.name, "move"); err != nil {
		return reconcile.Facts{}, err
	}
	folder, n, name := d.at(from)
	target, there, newName := d.at(to)
	if n == nil || target == nil || there != nil || !unchanged(n, was) || d.holds(n, target) {
		return reconcile.Facts{}, ErrMeanwhile
	}
	d.do(func() {
		delete(folder.kids, name)
		target.kids[newName] = n
		n.ctime = d.tick()
	}, func() {
		delete(target.kids, newName)
		folder.kids[name] = n
	})
	d.w.mayCrash(d.name, "move")
	return n.facts(), nil
}

// holds says whether folder is n or below it.
func (d *disk) holds(n, folder *inode) bool {
	if n == folder {
		return true
	}
	for _, k := range n.kids {
		if d.holds(k, folder) {
			return true
		}
	}
	return false
}

func (d *disk) Set(path string, was *reconcile.Entry, mode uint32, mtime int64) (reconcile.Facts, error) {
	if err := d.w.point(d.name, "set"); err != nil {
		return reconcile.Facts{}, err
	}
	_, n, _ := d.at(path)
	if n == nil || !unchanged(n, was) {
		return reconcile.Facts{}, ErrMeanwhile
	}
	oldMode, oldMtime := n.mode, n.mtime
	d.do(func() {
		n.mode, n.ctime = mode, d.tick()
		if n.kind != proto.KindFolder {
			n.mtime = mtime
		}
	}, func() { n.mode, n.mtime = oldMode, oldMtime })
	d.w.mayCrash(d.name, "set")
	return n.facts(), nil
}

func (d *disk) Delete(path string, was *reconcile.Entry) error {
	if err := d.w.point(d.name, "delete"); err != nil {
		return err
	}
	folder, n, name := d.at(path)
	if n == nil || folder == nil || !unchanged(n, was) || len(n.kids) > 0 {
		return ErrMeanwhile
	}
	d.do(func() { delete(folder.kids, name) }, func() { folder.kids[name] = n })
	d.w.removed(d, n, "deleted "+path)
	d.w.mayCrash(d.name, "delete")
	return nil
}

// sameSet says whether what stands at n is what was, with all below it.
func sameSet(n *inode, was *reconcile.Entry) bool {
	if n.kind != was.Kind || len(n.kids) != len(was.Children) {
		return false
	}
	if n.kind != proto.KindFolder {
		return n.facts() == was.Facts
	}
	for name, k := range n.kids {
		if c := was.Children[name]; c == nil || !sameSet(k, c) {
			return false
		}
	}
	return true
}

func (d *disk) DeleteSet(ctx context.Context, path string, was *reconcile.Entry) error {
	if err := d.w.point(d.name, "delete set"); err != nil {
		return err
	}
	folder, n, name := d.at(path)
	if n == nil || folder == nil || !sameSet(n, was) {
		return ErrMeanwhile
	}
	d.do(func() { delete(folder.kids, name) }, func() { folder.kids[name] = n })
	d.walk(n, path, func(at string, k *inode) { d.w.removed(d, k, "deleted "+at) })
	d.w.mayCrash(d.name, "delete set")
	return nil
}

func (d *disk) Sync() error {
	if err := d.w.point(d.name, "sync"); err != nil {
		return err
	}
	d.undo = nil
	return nil
}

func (d *disk) Check() error {
	if d.gone {
		return fmt.Errorf("%s is not mounted", d.name)
	}
	return nil
}

func (d *disk) Marker() (Marker, error) {
	if d.gone {
		return Marker{Dev: 2, Ino: 2}, nil
	}
	return Marker{Dev: 1, Ino: uint64(d.root.ino), Mark: d.mark}, nil
}

func (d *disk) SetMark(mark string) error {
	d.mark = mark
	return nil
}

// cut is a power cut: of the names since the last Sync some are as they were before, the latest first.
func (d *disk) cut() {
	for n := d.w.rand.IntN(len(d.undo) + 1); n > 0; n-- {
		last := len(d.undo) - 1
		d.undo[last]()
		d.undo = d.undo[:last]
	}
	d.undo = nil
	d.w.noMixture(d, "a power cut")
}
