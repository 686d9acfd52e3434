package mirror

import (
	"slices"

	"sluice/internal/proto"
	"sluice/internal/reconcile"
	"sluice/internal/state"
)

// The steps here. What was made here is durable before it is recorded, see record.

// down does one step here that moves no content.
func (r *round) down(s *reconcile.Step) error {
	switch s.Do {
	case reconcile.DownMkdir:
		return r.downMkdir(s)
	case reconcile.DownMove:
		return r.downMove(s, r.local.ByID[s.Remote.Parent.ID], s.Remote.Name)
	case reconcile.DownMoveAside:
		return r.downMove(s, r.local.Root, s.Name)
	case reconcile.DownSet:
		return r.downSet(s)
	case reconcile.DownDelete:
		return r.downDelete(s)
	case reconcile.Aside:
		return r.aside(s)
	}
	panic("BUG: a step without a meaning")
}

// child is the path of a name in a local folder.
func child(folder *reconcile.Entry, name string) string {
	if folder.Parent == nil {
		return name
	}
	return folder.Path() + "/" + name
}

func (r *round) downMkdir(s *reconcile.Step) error {
	rem := s.Remote
	parent := r.local.ByID[rem.Parent.ID]
	if parent == nil {
		return nil // it could not be made: told there
	}
	path := child(parent, rem.Name)
	facts, err := r.m.Folder.Mkdir(path, rem.Mode|0o700)
	if done, err := r.tried(s, path, err); !done {
		return err
	}
	r.unsynced = true
	l := &reconcile.Entry{ID: rem.ID, Name: rem.Name, Kind: rem.Kind, Mode: rem.Mode | 0o700, Mtime: facts.Mtime, Facts: facts}
	r.local.Add(parent, l)
	s.Local = l
	r.settle(l, rem)
	r.m.result.Folders++
	r.did(s, Event{Path: path})
	return nil
}

func (r *round) downMove(s *reconcile.Step, parent *reconcile.Entry, name string) error {
	l := s.Local
	if parent == nil {
		return nil
	}
	from, to := l.Path(), child(parent, name)
	facts, err := r.m.Folder.Move(from, to, plain(l))
	if done, err := r.tried(s, from, err); !done {
		return err
	}
	r.unsynced = true
	r.local.Move(l, parent, name)
	l.Facts = facts
	r.settle(l, s.Remote)
	if s.Do == reconcile.DownMove {
		r.m.result.Moved++
		r.did(s, Event{Path: to, From: from})
	}
	return nil
}

func (r *round) downSet(s *reconcile.Step) error {
	l, rem := s.Local, s.Remote
	if l == nil {
		if l = r.local.ByID[rem.ID]; l == nil {
			return nil
		}
	}
	path := l.Path()
	facts, err := r.m.Folder.Set(path, l, rem.Mode, rem.Mtime)
	if done, err := r.tried(s, path, err); !done {
		return err
	}
	r.unsynced = true
	l.Mode, l.Mtime, l.Facts = rem.Mode, rem.Mtime, facts
	r.settle(l, rem)
	r.m.result.Set++
	r.did(s, Event{Path: path})
	return nil
}

func (r *round) downDelete(s *reconcile.Step) error {
	l := s.Local
	path := l.Path()
	var err error
	if l.Kind == reconcile.KindSet {
		err = r.m.Folder.DeleteSet(r.ctx, path, r.whole(l))
	} else {
		err = r.m.Folder.Delete(path, l)
	}
	if done, err := r.tried(s, path, err); !done {
		return err
	}
	r.unsynced = true
	id := l.ID
	r.local.Remove(l)
	if r.local.ByID[id] == nil { // else it has become another one's
		r.forget(id)
	}
	r.m.result.Deleted++
	r.did(s, Event{Path: path})
	return nil
}

// aside gives a local entry its conflict name. That it is no longer the node it was is recorded first: a crash in between
// leaves two that are compared anew, not one that has moved.
func (r *round) aside(s *reconcile.Step) error {
	l := s.Local
	if s.Agreed != nil {
		r.forget(s.Agreed.ID)
		if err := r.record(); err != nil {
			return err
		}
	}
	from, to := l.Path(), child(l.Parent, s.Name)
	facts, err := r.m.Folder.Move(from, to, plain(l))
	if done, err := r.tried(s, from, err); !done {
		return err
	}
	r.unsynced = true
	r.local.Move(l, l.Parent, s.Name)
	l.Facts = facts
	if s.Agreed != nil {
		r.local.Number(l, 0)
	}
	c := state.SyncConflict{Path: to, Other: from, At: r.m.Now().UnixNano()}
	r.batch.Conflicts = append(r.batch.Conflicts, c)
	r.m.result.Conflicts = append(r.m.result.Conflicts, c)
	r.did(s, Event{Path: to, From: from})
	return nil
}

// fetch fetches contents and gives them their names.
func (r *round) fetch(steps []reconcile.Step) error {
	of := make(map[*reconcile.Entry]*reconcile.Step, len(steps))
	list := make([]Wanted, 0, len(steps))
	var sets []*reconcile.Step
	for i := range steps {
		s := &steps[i]
		parent := r.local.ByID[s.Remote.Parent.ID]
		if parent == nil || s.Local != nil && (s.Local.Parent != parent || s.Local.Name != s.Remote.Name) {
			r.again = r.again || parent != nil // it was to be moved there first
			continue
		}
		if s.Local != nil && s.Local.ID != 0 {
			r.batch.Sent = append(r.batch.Sent, ownFetch(s.Local.ID, s.Remote.Hash))
		}
		if s.Remote.Kind == reconcile.KindSet {
			sets = append(sets, s)
			continue
		}
		of[s.Remote] = s
		list = append(list, Wanted{Remote: s.Remote, Path: child(parent, s.Remote.Name), Over: s.Local})
	}
	if err := r.record(); err != nil { // the folders they go to are durable then
		return err
	}
	if len(list) == 0 {
		return r.fetchSets(sets)
	}
	err := r.m.Contents.Fetch(r.ctx, list, func(done []Fetched) error {
		for _, d := range done {
			if err := r.fetched(of[d.Remote], d); err != nil {
				return err
			}
		}
		return r.record()
	})
	if err != nil {
		return err
	}
	return r.fetchSets(sets)
}

func (r *round) fetched(s *reconcile.Step, d Fetched) error {
	rem, l := s.Remote, s.Local
	if l != nil && l.ID != 0 {
		r.batch.Answered = append(r.batch.Answered, ownFetch(l.ID, rem.Hash))
	}
	if done, err := r.tried(s, d.Path, d.Err); !done {
		return err
	}
	if l == nil {
		l = &reconcile.Entry{ID: rem.ID, Name: rem.Name}
		r.local.Add(r.local.ByID[rem.Parent.ID], l)
		s.Local = l
	}
	l.Kind, l.Hash, l.Hashed, l.Size, l.Mode, l.Mtime, l.Facts = rem.Kind, rem.Hash, true, rem.Size, rem.Mode, rem.Mtime, d.Facts
	r.settle(l, rem)
	r.m.result.Fetched++
	r.m.result.Bytes += rem.Size
	r.did(s, Event{Path: d.Path, Size: rem.Size})
	return nil
}

// ownFetch is how it is remembered, until it is recorded as done, that a content is to replace the file of a node here.
func ownFetch(node int64, hash proto.Hash) state.SyncSent {
	return state.SyncSent{Parent: node, Hash: hash}
}

// fetching is what was to be replaced here when a run was cut short: nodes, and the contents they were to get.
func (m *Mirror) fetching() (map[int64][]proto.Hash, error) {
	list, err := m.State.Sent()
	all := make(map[int64][]proto.Hash)
	for _, s := range list {
		if s.Name == "" && s != ownDelete(s.Parent) {
			all[s.Parent] = append(all[s.Parent], s.Hash)
		}
	}
	return all, err
}

// replaced finds files that a run replaced and did not come to record. That is no edit: had the server gone back to what is
// agreed since, it would be sent over that.
func (r *round) replaced() error {
	all, err := r.m.fetching()
	if err != nil {
		return err
	}
	for _, id := range sorted(all) {
		l, a := r.local.ByID[id], r.agreed.ByID[id]
		if l == nil || a == nil || l.IsFolder() {
			continue
		}
		if !l.Hashed {
			if _, err := r.read(l); err != nil {
				return err
			}
		}
		if l.Hashed && slices.Contains(all[id], l.Hash) {
			a.Kind, a.Hash, a.Hashed, a.Size, a.Facts = l.Kind, l.Hash, true, l.Size, l.Facts
			r.touched[id] = true
		}
	}
	return nil
}
