package mirror

import (
	"slices"

	"sluice/internal/proto"
	"sluice/internal/reconcile"
	"sluice/internal/state"
)

// settle records of a node what both sides have alike by now: aspect for aspect, as a step changes only some. What
// differs stays as it was agreed before.
func (r *round) settle(l, rem *reconcile.Entry) {
	if l == nil || rem == nil {
		return
	}
	r.rename(l, rem)
	a := r.agreed.ByID[rem.ID]
	placed := l.Name == rem.Name && l.Parent != nil && rem.Parent != nil && l.Parent.ID == rem.Parent.ID
	content := l.Kind == rem.Kind && (l.IsFolder() || l.Hashed && l.Hash == rem.Hash)
	meta := l.Mode == rem.Mode && (l.IsFolder() || l.Kind == reconcile.KindSet || l.Mtime == rem.Mtime)
	if a == nil {
		if !placed || !content {
			return
		}
		a = &reconcile.Entry{ID: rem.ID, Name: rem.Name}
		if !r.hang(a, rem) {
			return
		}
		meta = true // there is nothing older to compare with: a difference is the server's word, which follows
	} else if placed && (a.Name != rem.Name || a.Parent.ID != rem.Parent.ID) && !r.hang(a, rem) {
		return
	}
	was := a.Facts.Mtime
	// A time that was changed here and is not agreed yet is told by its facts: they must not become those of what is agreed.
	retimed := !meta && l.Mtime != a.Mtime && l.Facts.Mtime != was
	if content {
		a.Kind, a.Hash, a.Hashed, a.Size = rem.Kind, rem.Hash, rem.Hashed, rem.Size
		a.Facts = l.Facts
	} else if l.Kind == a.Kind && l.Hashed && l.Hash == a.Hash {
		a.Facts = l.Facts // moved or set by us: its content is still what was agreed
	}
	if retimed {
		a.Facts.Mtime = was
	}
	if meta {
		a.Mode, a.Mtime = rem.Mode, rem.Mtime
	}
	if placed && content && meta {
		a.Version = rem.Version
	}
	r.touched[rem.ID] = true
}

// agree records that both sides are the same in all.
func (r *round) agree(l, rem *reconcile.Entry) {
	r.rename(l, rem)
	a := r.agreed.ByID[rem.ID]
	if a == nil {
		a = &reconcile.Entry{ID: rem.ID}
	}
	if a.Parent == nil || a.Name != rem.Name || a.Parent.ID != rem.Parent.ID {
		if !r.hang(a, rem) {
			return
		}
	}
	a.Kind, a.Hash, a.Hashed, a.Size, a.Mode, a.Mtime, a.Version = rem.Kind, rem.Hash, rem.Hashed, rem.Size, rem.Mode, rem.Mtime, rem.Version
	a.Facts = l.Facts
	r.touched[rem.ID] = true
	if rem.Kind == reconcile.KindSet {
		r.agreeSet(l, rem)
	}
}

// hang gives an agreed entry the place of the server's. Its folder must be agreed before it.
func (r *round) hang(a, rem *reconcile.Entry) bool {
	parent := r.agreed.ByID[rem.Parent.ID]
	if parent == nil {
		r.again = true
		return false
	}
	if a.Parent == nil {
		a.Name = rem.Name
		r.agreed.Add(parent, a)
	} else {
		r.agreed.Move(a, parent, rem.Name)
	}
	return true
}

// rename gives a local entry the number of the node it is by now, and forgets the one it was.
func (r *round) rename(l, rem *reconcile.Entry) {
	if l.ID == rem.ID {
		return
	}
	old := l.ID
	r.local.Number(l, rem.ID)
	if old != 0 && r.remote.ByID[old] == nil {
		r.forget(old)
	}
}

// forget drops what was agreed of a node.
func (r *round) forget(id int64) {
	a := r.agreed.ByID[id]
	if a == nil {
		return
	}
	r.forgetSet(a)
	delete(r.agreed.ByID, id)
	if a.Parent != nil && a.Parent.Children[a.Name] == a {
		delete(a.Parent.Children, a.Name)
	}
	r.touched[id] = true
}

// record writes what has changed: first what is here is made durable.
func (r *round) record() error {
	if len(r.touched) == 0 && r.batch.Empty() {
		r.m.durable = r.m.durable && !r.unsynced
		return nil
	}
	if r.unsynced {
		if err := r.m.Folder.Sync(); err != nil {
			return err
		}
		r.unsynced, r.m.durable = false, true
	}
	ids := make([]int64, 0, len(r.touched))
	for id := range r.touched {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		r.rows(id)
	}
	clear(r.touched)
	b := r.batch
	r.batch = state.SyncBatch{}
	if err := r.m.State.Apply(&b); err != nil {
		return err
	}
	r.m.own.recorded(&b)
	return nil
}

// apply records what was found out before a plan was made. What a life before this one did here may not be durable: rows that
// rely on it are recorded only after it is.
func (m *Mirror) apply(b *state.SyncBatch) error {
	if !m.durable && (b.Anew || len(b.Nodes)+len(b.Forget) > 0) {
		if err := m.Folder.Sync(); err != nil {
			return err
		}
		m.durable = true
	}
	return m.State.Apply(b)
}

// rows makes the rows of one node: of what is agreed, and of what the server has otherwise.
func (r *round) rows(id int64) {
	a, rem := r.agreed.ByID[id], r.onServer(id)
	if a == nil {
		r.batch.Forget = append(r.batch.Forget, id)
	} else {
		r.batch.Nodes = append(r.batch.Nodes, nodeOf(a))
	}
	switch {
	case rem == nil && a == nil:
		r.batch.Settled = append(r.batch.Settled, id)
	case rem == nil: // what is known of it stays: it was deleted, or the folder it is in
	case a != nil && a.Version == rem.Version && sameEntry(a, rem):
		r.batch.Settled = append(r.batch.Settled, id)
	default:
		r.batch.News = append(r.batch.News, state.SyncNews{SyncEntry: rowOf(rem)})
	}
}

func sameEntry(a, rem *reconcile.Entry) bool {
	x, y := rowOf(a), rowOf(rem)
	if a.Kind == proto.KindFolder || a.Kind == reconcile.KindSet {
		x.Mtime = y.Mtime
	}
	return x == y
}
