package mirror

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strconv"
	"time"

	"sluice/internal/client"
	"sluice/internal/hash"
	"sluice/internal/proto"
	"sluice/internal/reconcile"
	"sluice/internal/state"
)

// maxSetBatch is how many changes of a set go in one commit. More are made beside it, and swapped in.
const maxSetBatch = 900

func (m *Mirror) setBatch() int {
	if m.Options.SetBatch > 0 {
		return m.Options.SetBatch
	}
	return maxSetBatch
}

// sendSets sends sets, each as one.
func (r *round) sendSets(steps []*reconcile.Step) error {
	for _, s := range steps {
		if !r.stands(s.Local.Parent) {
			continue // its folder could not be made: told there
		}
		if err := r.sendSet(s); err != nil {
			return err
		}
	}
	return nil
}

// sendSet gives the server a set: first the contents, then, if the set here is still as it was looked at, all names at once.
func (r *round) sendSet(s *reconcile.Step) error {
	l := s.Local
	size, ok, err := r.sendMembers(s)
	if err != nil || !ok {
		return err
	}
	same, err := r.stillSet(l)
	if err != nil {
		return err
	}
	if !same {
		r.again = true
		return nil
	}
	d := r.difference(l, s.Remote)
	own := state.SyncSent{Parent: d.parent, Name: d.name, Hash: l.Hash}
	if err := r.m.State.Apply(&state.SyncBatch{Sent: []state.SyncSent{own}}); err != nil {
		return err
	}
	r.commits++
	var made *reconcile.Entry
	if d.changes == nil {
		made, err = r.stage(l, s.Remote, d)
	} else {
		made, err = r.commitSet(l, s.Remote, d)
	}
	if err != nil {
		return r.refusedSet(l.Path(), err)
	}
	if made == nil {
		return nil
	}
	r.batch.Answered = append(r.batch.Answered, own)
	s.Remote = made
	r.settle(l, made)
	r.agreeSet(l, made)
	r.m.result.Sent++
	r.m.result.Bytes += size
	r.did(s, Event{Path: l.Path(), Size: size})
	return r.record()
}

// sendMembers sends the contents that the server's set does not have. Not ok: the set is to be looked at again.
func (r *round) sendMembers(s *reconcile.Step) (size int64, ok bool, err error) {
	l := s.Local
	theirs := r.byPath(s.Remote)
	var list []*reconcile.Entry
	for _, c := range flat(r.inside[l]) {
		t := theirs[below(l, c)]
		if !c.IsFolder() && (t == nil || t.Kind != c.Kind || t.Hash != c.Hash) {
			list = append(list, c)
			size += c.Size
		}
	}
	ok = true
	if len(list) > 0 {
		err = r.m.Contents.Send(r.ctx, list, func(done []Sent) error {
			for _, d := range done {
				if sent, err := r.tried(s, d.Local.Path(), d.Err); err != nil {
					return err
				} else if !sent {
					ok = false
				}
			}
			return nil
		})
	}
	if ok && err == nil && digest(l.Mode, r.inside[l]) != l.Hash {
		r.again, ok = true, false
	}
	return size, ok, err
}

// stillSet says whether a set here is as it was looked at: then it was so all the time in between, and what was read of it
// is of one state.
func (r *round) stillSet(l *reconcile.Entry) (bool, error) {
	at := l.Path()
	tree, _, err := r.m.Folder.Scan(r.ctx, []Part{{Path: at, Deep: true}})
	if err != nil {
		return false, err
	}
	e := tree.Root
	for _, name := range split(at) {
		if e = e.Children[name]; e == nil {
			return false, nil
		}
	}
	return e.IsFolder() && e.Facts.Ino == l.Facts.Ino && e.Mode == l.Mode && !unknown(e.Children) &&
		sameFacts(e.Children, r.inside[l], r.m.Now().UnixNano()), nil
}

// refusedSet tells what an error means that a commit of a set ended with.
func (r *round) refusedSet(path string, err error) error {
	switch code := client.CodeOf(err); {
	case refusal(code):
		r.again = true
	case code == client.BadName, code == client.TooLarge:
		r.failed(path, err)
	default:
		return err
	}
	return nil
}

// difference is what makes the server's set the local one.
type difference struct {
	parent  int64 // the folder of the server the set stands in
	name    string
	changes []client.Change // nil: too many for one commit
	made    map[string]int  // by path in the set: the change that makes or changes it
	theirs  map[string]*reconcile.Entry
}

func (r *round) difference(l, rem *reconcile.Entry) *difference {
	d := &difference{parent: l.Parent.ID, name: l.Name, made: make(map[string]int), theirs: r.byPath(rem)}
	limit := r.m.setBatch()
	size := 0
	add := func(at string, c client.Change) {
		if at != "/" {
			d.made[at] = len(d.changes)
		}
		d.changes = append(d.changes, c)
		size += changeHeader + nameHeader*len(c.Name)
	}
	// The set's own version changes with anything in it: of two devices the second is refused, whatever it has changed.
	now := r.m.stamp()
	if rem == nil {
		add("", client.Change{Op: client.OpMkdir, Parent: client.Place{Node: d.parent}, Name: d.name, Mode: l.Mode, Mtime: now, Expect: 0})
	} else {
		d.parent, d.name = rem.Parent.ID, rem.Name
		if now == rem.Mtime {
			now++
		}
		add("", client.Change{Op: client.OpSet, Node: rem.ID, Mode: l.Mode, Mtime: now, Expect: rem.Version})
	}
	mine := r.byPath(l)
	old := flat(r.inside[rem])
	slices.Reverse(old) // what a folder holds before the folder
	for _, t := range old {
		at := below(rem, t)
		if c := mine[at]; c == nil || c.IsFolder() != t.IsFolder() {
			add("/", client.Change{Op: client.OpDelete, Node: t.ID, Expect: t.Version})
			delete(d.theirs, at)
		}
	}
	for _, c := range flat(r.inside[l]) {
		at := below(l, c)
		t := d.theirs[at]
		if t != nil && (c.IsFolder() || t.Kind == c.Kind && t.Hash == c.Hash) {
			if t.Mode != c.Mode && c.Kind != proto.KindLink {
				add(at, client.Change{Op: client.OpSet, Node: t.ID, Mode: c.Mode, Mtime: t.Mtime, Expect: t.Version})
			}
			continue
		}
		expect := int64(0)
		if t != nil {
			expect = t.Version
		}
		add(at, name(c, d.place(rem, at), expect))
	}
	if len(d.changes) > limit || size > maxHeader {
		d.changes = nil
	}
	return d
}

// place is the folder of a path in the set: one that is there, or one that the same commit makes.
func (d *difference) place(rem *reconcile.Entry, at string) client.Place {
	folder := path.Dir(at)
	if folder == "." {
		if rem != nil {
			return client.Place{Node: rem.ID}
		}
		return client.Place{Entry: d.made[""]}
	}
	if t := d.theirs[folder]; t != nil {
		return client.Place{Node: t.ID}
	}
	return client.Place{Entry: d.made[folder]}
}

// name is the change that gives a member its name.
func name(c *reconcile.Entry, place client.Place, expect int64) client.Change {
	if c.IsFolder() {
		return client.Change{Op: client.OpMkdir, Parent: place, Name: c.Name, Mode: c.Mode, Mtime: c.Mtime, Expect: expect}
	}
	return client.Change{
		Op: client.OpPut, Parent: place, Name: c.Name, Kind: c.Kind, Hash: c.Hash, Size: c.Size, Mode: c.Mode, Mtime: c.Mtime, Expect: expect,
	}
}

// commitSet makes all changes in one commit. It answers with the server's set as it is then; nil: it has gone from the tree.
func (r *round) commitSet(l, rem *reconcile.Entry, d *difference) (*reconcile.Entry, error) {
	reply, err := r.commitAll(d.changes)
	if err != nil {
		return nil, err
	}
	kids := copyMembers(nil, r.inside[l])
	top := &reconcile.Entry{ID: reply.Entries[0].Node, Version: reply.Entries[0].Version, Mode: l.Mode, Mtime: d.changes[0].Mtime}
	var fill func(kids members, parent *reconcile.Entry, at string)
	fill = func(kids members, parent *reconcile.Entry, at string) {
		for name, c := range kids {
			where := path.Join(at, name)
			c.Parent = parent
			if i, changed := d.made[where]; changed {
				c.ID, c.Version, c.Mtime = reply.Entries[i].Node, reply.Entries[i].Version, d.changes[i].Mtime
			} else if t := d.theirs[where]; t != nil {
				c.ID, c.Version, c.Mtime, c.Mode = t.ID, t.Version, t.Mtime, t.Mode
			}
			fill(c.Children, c, where)
		}
	}
	if rem == nil {
		rem = &reconcile.Entry{Kind: reconcile.KindSet}
		rem.ID = top.ID
		if !r.known(rem, d.parent, d.name) {
			return nil, nil
		}
	}
	rem.Version, rem.Mode, rem.Mtime, rem.Hash, rem.Hashed = top.Version, top.Mode, top.Mtime, l.Hash, true
	fill(kids, rem, "")
	r.inside[rem], r.theirs = kids, nil
	return rem, nil
}

// stage makes the whole set under a name that is hidden from all devices, in as many commits as it takes, and puts it in its
// place by one.
func (r *round) stage(l, rem *reconcile.Entry, d *difference) (*reconcile.Entry, error) {
	top := &reconcile.Entry{Kind: reconcile.KindSet, Mode: l.Mode, Mtime: l.Mtime, Hash: l.Hash, Hashed: true}
	hidden := r.m.stagingPrefix() + strconv.FormatInt(r.m.Now().UnixNano(), 36)
	kids := copyMembers(top, r.inside[l])
	all := append([]*reconcile.Entry{top}, flat(kids)...)
	for len(all) > 0 {
		n, err := r.stageSome(all, d.parent, hidden)
		if err != nil {
			return nil, err
		}
		all = all[n:]
	}
	var changes []client.Change
	if rem != nil {
		changes = append(changes, client.Change{Op: client.OpDelete, Node: rem.ID, Expect: rem.Version, Recursive: true})
	}
	changes = append(changes, client.Change{
		Op: client.OpMove, Node: top.ID, Parent: client.Place{Node: d.parent}, Name: d.name, Expect: 0, ExpectNode: top.Version,
	})
	reply, err := r.commitAll(changes)
	if err != nil {
		return nil, err
	}
	top.Version = reply.Entries[len(changes)-1].Version
	if rem != nil {
		r.remote.Remove(rem)
		delete(r.inside, rem)
		r.forget(rem.ID)
		r.touched[rem.ID] = true
	}
	if !r.known(top, d.parent, d.name) {
		return nil, nil
	}
	r.inside[top], r.theirs = kids, nil
	return top, nil
}

// stageSome makes the first of the entries, as many as go in one commit. The first of all has no parent: it goes by the name
// hidden into the folder of the server.
func (r *round) stageSome(all []*reconcile.Entry, folder int64, hidden string) (int, error) {
	var changes []client.Change
	at := make(map[*reconcile.Entry]int)
	size := 0
	for _, e := range all {
		if len(changes) == r.m.setBatch() || size+changeHeader+nameHeader*len(e.Name) > maxHeader {
			break
		}
		var c client.Change
		switch {
		case e.Parent == nil:
			c = client.Change{Op: client.OpMkdir, Parent: client.Place{Node: folder}, Name: hidden, Mode: e.Mode, Mtime: e.Mtime, Expect: 0}
		case e.Parent.ID != 0:
			c = name(e, client.Place{Node: e.Parent.ID}, 0)
		default:
			c = name(e, client.Place{Entry: at[e.Parent]}, 0)
		}
		at[e] = len(changes)
		changes = append(changes, c)
		size += changeHeader + nameHeader*len(c.Name)
		e.ID = 0
	}
	reply, err := r.commitAll(changes)
	if err != nil {
		return 0, err
	}
	for e, i := range at {
		e.ID, e.Version = reply.Entries[i].Node, reply.Entries[i].Version
	}
	return len(changes), nil
}

// stagingPrefix begins the names of the sets that this device makes beside those it replaces.
func (m *Mirror) stagingPrefix() string {
	sum := m.identity()
	return ".sluice-tmp-set-" + hex.EncodeToString(sum[:8]) + "-"
}

// identity is this device's and its folder's.
func (m *Mirror) identity() [32]byte {
	r := &m.root
	return hash.Sum(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d", r.Device, r.Dir, r.Mark, r.Ino))
}

// stamp is a time for the folder of a set that no other device gives it: a server takes a folder that is to be made for one
// that is there if both are exactly the same.
func (m *Mirror) stamp() int64 {
	sum := m.identity()
	now := m.Now().UnixNano()
	return now - now%int64(time.Millisecond) + int64(binary.BigEndian.Uint32(sum[:]))%int64(time.Millisecond)
}

// clear deletes on the server what an earlier life of this device began and never finished. Nobody else does it: it may be
// somebody's work.
func (r *round) clear() error {
	for _, e := range r.leftovers {
		if err := r.prepare(e.ID, ""); err != nil {
			return err
		}
		r.add(client.Change{Op: client.OpDelete, Node: e.ID, Expect: e.Version, Recursive: true}, func(f client.Changed) error {
			if f.Code != client.OK {
				return r.refused(e.Name, f)
			}
			return nil
		})
	}
	return nil
}
