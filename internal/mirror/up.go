package mirror

import (
	"sluice/internal/client"
	"sluice/internal/reconcile"
	"sluice/internal/state"
)

// The steps on the server. Each adds a change to the commit that is being gathered; what it has done is noted when the
// reply is there.

// known hangs a node into the server's tree as a commit has made it.
func (r *round) known(e *reconcile.Entry, parent int64, name string) bool {
	folder := r.remote.ByID[parent]
	if folder == nil {
		r.again = true
		return false
	}
	if other := r.remote.ByID[e.ID]; other != nil {
		r.remote.Remove(other)
	}
	e.Name = name
	r.remote.Add(folder, e)
	return true
}

func (r *round) upMkdir(s *reconcile.Step) error {
	l := s.Local
	if err := r.prepare(0, l.Name); err != nil {
		return err
	}
	place, ok, err := r.place(l.Parent)
	if err != nil || !ok {
		return err // its folder could not be made: told there
	}
	r.up.made[l] = len(r.up.changes)
	r.up.sent = append(r.up.sent, ownMkdir(place.Node, l))
	r.add(client.Change{Op: client.OpMkdir, Parent: place, Name: l.Name, Mode: l.Mode, Mtime: l.Mtime, Expect: 0}, func(f client.Changed) error {
		if f.Code != client.OK {
			return r.refused(l.Path(), f)
		}
		e := &reconcile.Entry{ID: f.Node, Kind: l.Kind, Mode: l.Mode, Mtime: l.Mtime, Version: f.Version}
		if !r.known(e, l.Parent.ID, l.Name) {
			return nil
		}
		r.settle(l, e)
		r.m.result.Folders++
		r.did(s, Event{Path: l.Path()})
		return nil
	})
	return nil
}

// upMove gives a node another place.
func (r *round) upMove(s *reconcile.Step, folder *reconcile.Entry, name string) error {
	if err := r.prepare(s.Remote.ID, name); err != nil {
		return err
	}
	if _, ok := r.up.made[folder]; ok { // its number is to be remembered
		if err := r.flush(); err != nil {
			return err
		}
	}
	place, ok, err := r.place(folder)
	if err != nil || !ok {
		return err
	}
	rem := s.Remote
	from := rem.Path()
	r.up.sent = append(r.up.sent, ownMove(rem.ID, place.Node, name))
	c := client.Change{Op: client.OpMove, Node: rem.ID, Parent: place, Name: name, Expect: 0, ExpectNode: rem.Version}
	r.add(c, func(f client.Changed) error {
		if f.Code != client.OK {
			return r.refused(from, f)
		}
		parent := r.remote.ByID[folder.ID]
		if parent == nil {
			r.again = true
			return nil
		}
		r.remote.Move(rem, parent, name)
		rem.Version = f.Version
		r.touched[rem.ID] = true
		r.settle(s.Local, rem)
		if s.Do == reconcile.UpMove {
			r.m.result.Moved++
			r.did(s, Event{Path: rem.Path(), From: from})
		}
		return nil
	})
	return nil
}

func (r *round) upSet(s *reconcile.Step) error {
	l, rem := s.Local, s.Remote
	if err := r.prepare(rem.ID, ""); err != nil {
		return err
	}
	mode, mtime := l.Mode, l.Mtime
	c := client.Change{Op: client.OpSet, Node: rem.ID, Mode: mode, Mtime: mtime, Expect: rem.Version}
	r.add(c, func(f client.Changed) error {
		if f.Code != client.OK {
			return r.refused(l.Path(), f)
		}
		rem.Mode, rem.Mtime, rem.Version = mode, mtime, f.Version
		r.settle(l, rem)
		r.m.result.Set++
		r.did(s, Event{Path: l.Path()})
		return nil
	})
	return nil
}

func (r *round) upDelete(s *reconcile.Step) error {
	rem := s.Remote
	if err := r.prepare(rem.ID, ""); err != nil {
		return err
	}
	path := rem.Path()
	r.up.sent = append(r.up.sent, ownDelete(rem.ID))
	r.add(client.Change{Op: client.OpDelete, Node: rem.ID, Expect: rem.Version, Recursive: rem.Kind == reconcile.KindSet}, func(f client.Changed) error {
		if f.Code != client.OK {
			return r.refused(path, f)
		}
		r.remote.Remove(rem)
		r.forget(rem.ID)
		r.touched[rem.ID] = true
		r.m.result.Deleted++
		r.did(s, Event{Path: path})
		return nil
	})
	return nil
}

// send sends contents, and names them as they arrive.
func (r *round) send(steps []reconcile.Step) error {
	// The folders they stand in have their numbers when the first is there. What waits for the commit on its way is sent then.
	if len(r.flying) == 0 {
		if err := r.launch(); err != nil {
			return err
		}
	}
	of := make(map[*reconcile.Entry]*reconcile.Step, len(steps))
	list := make([]*reconcile.Entry, 0, len(steps))
	var sets []*reconcile.Step
	for i := range steps {
		s := &steps[i]
		if folder := s.Local.Parent; !r.up.makes(folder) && !r.flying.makes(folder) && !r.stands(folder) {
			continue
		}
		if s.Local.Kind == reconcile.KindSet {
			sets = append(sets, s)
		} else {
			of[s.Local] = s
			list = append(list, s.Local)
		}
	}
	if len(list) == 0 {
		if err := r.flush(); err != nil {
			return err
		}
		return r.sendSets(sets)
	}
	named := false
	err := r.m.Contents.Send(r.ctx, list, func(done []Sent) error {
		if !named { // folders and moves are known to the trees before what stands in them is named
			named = true
			if err := r.flush(); err != nil {
				return err
			}
		}
		for _, d := range done {
			if err := r.sent(of[d.Local], d); err != nil {
				return err
			}
		}
		return nil
	})
	if e := r.flush(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return r.sendSets(sets)
}

// maxUnnamed is how many bytes may have been sent before they are named: what is cut short has then not to be asked for again.
const maxUnnamed = 64 << 20

// sent names a content that the server has.
func (r *round) sent(s *reconcile.Step, d Sent) error {
	l := d.Local
	path := l.Path()
	if done, err := r.tried(s, path, d.Err); !done {
		return err
	}
	if s.Remote != nil && s.Remote.Kind == l.Kind && s.Remote.Hash == l.Hash {
		return r.unedited(s)
	}
	if !r.stands(l.Parent) {
		return nil // its folder could not be made: told there
	}
	name, parent, expect, node := l.Name, l.Parent.ID, int64(0), int64(0)
	if s.Remote != nil {
		name, parent, expect, node = s.Remote.Name, s.Remote.Parent.ID, s.Remote.Version, s.Remote.ID
	}
	if err := r.prepare(node, name); err != nil {
		return err
	}
	put := reconcile.Entry{Kind: l.Kind, Hash: l.Hash, Hashed: true, Size: l.Size, Mode: l.Mode, Mtime: l.Mtime}
	c := client.Change{
		Op: client.OpPut, Parent: client.Place{Node: parent}, Name: name, Kind: put.Kind, Hash: put.Hash, Size: put.Size,
		Mode: put.Mode, Mtime: put.Mtime, Expect: expect,
	}
	r.add(c, func(f client.Changed) error {
		if f.Code != client.OK {
			return r.refused(path, f)
		}
		if node != 0 && f.Node != node {
			r.again = true // another one stands there, exactly as ours was to be: the changes tell more
			return nil
		}
		put.ID, put.Version = f.Node, f.Version
		if s.Remote != nil {
			into(s.Remote, &put)
		} else if !r.known(&put, parent, name) {
			return nil
		} else {
			s.Remote = &put
		}
		r.settle(l, s.Remote)
		r.m.result.Sent++
		r.m.result.Bytes += put.Size
		r.did(s, Event{Path: path, Size: put.Size})
		return nil
	})
	if node != 0 {
		r.up.busy[node] = true
	}
	r.up.sent = append(r.up.sent, state.SyncSent{Parent: parent, Name: name, Hash: put.Hash})
	if node != 0 {
		r.up.sent = append(r.up.sent, ownFile(parent, name, l))
	}
	if r.up.bytes += put.Size; r.up.bytes > maxUnnamed {
		return r.launch()
	}
	return nil
}

// unedited is a file whose content, now that it was read, is what the server has: at most its mode and time are others.
func (r *round) unedited(s *reconcile.Step) error {
	if s.Local.Mode == s.Remote.Mode && s.Local.Mtime == s.Remote.Mtime {
		r.settle(s.Local, s.Remote)
		return nil
	}
	set := *s
	set.Do, set.Why = reconcile.UpSet, "its mode or time was changed here"
	return r.upSet(&set)
}

// into gives an entry the content of another one.
func into(e, from *reconcile.Entry) {
	e.Kind, e.Hash, e.Hashed, e.Size, e.Mode, e.Mtime, e.Version = from.Kind, from.Hash, from.Hashed, from.Size, from.Mode, from.Mtime, from.Version
}
