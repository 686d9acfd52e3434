package mirror

import (
	"maps"
	"slices"

	"sluice/internal/reconcile"
	"sluice/internal/state"
)

// agreeSet records the members of a set that both sides have alike.
func (r *round) agreeSet(l, rem *reconcile.Entry) {
	a := r.agreed.ByID[rem.ID]
	if a == nil {
		return
	}
	mine := r.byPath(l)
	old := r.inside[a]
	now := r.agreedMembers(rem, rem.ID, r.inside[rem], mine)
	kept := make(map[int64]bool)
	for _, n := range now {
		kept[n.ID] = true
		r.batch.Settled = append(r.batch.Settled, n.ID)
	}
	r.batch.Nodes = append(r.batch.Nodes, now...)
	for _, c := range flat(old) {
		if !kept[c.ID] {
			r.forgetMember(c.ID)
		}
	}
	r.inside[a] = copyMembers(a, r.inside[rem])
	r.theirs = nil
	for path, c := range r.byPath(a) {
		if m := mine[path]; m != nil {
			c.Facts = m.Facts
		}
	}
	r.touched[rem.ID] = true
}

// agreedMembers makes rows of the server's members, with the facts of the local ones.
func (r *round) agreedMembers(set *reconcile.Entry, parent int64, kids members, mine map[string]*reconcile.Entry) (all []state.SyncNode) {
	for _, name := range slices.Sorted(maps.Keys(kids)) {
		c := kids[name]
		row := state.SyncNode{SyncEntry: rowOf(c)}
		row.Parent = parent
		if m := mine[below(set, c)]; m != nil {
			f := m.Facts
			row.FactSize, row.FactMtime, row.FactCtime, row.Ino, row.Born = f.Size, f.Mtime, f.Ctime, f.Ino, f.Born
		}
		all = append(all, row)
		all = append(all, r.agreedMembers(set, c.ID, c.Children, mine)...)
	}
	return all
}

// forgetSet drops what was agreed of a set's members.
func (r *round) forgetSet(a *reconcile.Entry) {
	r.theirs = nil
	for _, c := range flat(r.inside[a]) {
		r.forgetMember(c.ID)
	}
	delete(r.inside, a)
}

// forgetMember drops what was agreed of a node that was in a set, unless it is agreed elsewhere by now.
func (r *round) forgetMember(id int64) {
	if r.agreed.ByID[id] != nil {
		return
	}
	r.batch.Forget = append(r.batch.Forget, id)
	if rem := r.onServer(id); rem != nil {
		r.batch.News = append(r.batch.News, state.SyncNews{SyncEntry: rowOf(rem)})
	} else {
		r.batch.Settled = append(r.batch.Settled, id)
	}
}

// onServer is a node as the server has it, in a set or not.
func (r *round) onServer(id int64) *reconcile.Entry {
	if e := r.remote.ByID[id]; e != nil {
		return e
	}
	if r.theirs == nil {
		r.theirs = make(map[int64]*reconcile.Entry)
		for e, kids := range r.inside {
			if r.remote.ByID[e.ID] != e {
				continue
			}
			for _, c := range flat(kids) {
				r.theirs[c.ID] = c
			}
		}
	}
	return r.theirs[id]
}

// copyMembers copies members for another set.
func copyMembers(parent *reconcile.Entry, kids members) members {
	all := make(members, len(kids))
	for name, k := range kids {
		if k.Excluded {
			continue
		}
		c := *k
		c.Parent = parent
		if c.IsFolder() {
			c.Children = copyMembers(&c, k.Children)
		}
		all[name] = &c
	}
	return all
}

// refresh records of sets whose content is the same on all sides what is no part of it: times, versions, local facts.
func (r *round) refresh() {
	for l := range r.inside {
		if r.local.ByID[l.ID] != l || l.Unknown || l.Excluded {
			continue
		}
		a, rem := r.agreed.ByID[l.ID], r.remote.ByID[l.ID]
		if a == nil || rem == nil || a.Kind != reconcile.KindSet || rem.Kind != reconcile.KindSet || l.Hash != rem.Hash || l.Hash != a.Hash || rem.Excluded {
			continue
		}
		mine, theirs, agreed := flat(r.inside[l]), flat(r.inside[rem]), flat(r.inside[a])
		same := len(mine) == len(agreed) && len(theirs) == len(agreed)
		for i := 0; same && i < len(agreed); i++ {
			same = agreed[i].ID == theirs[i].ID && agreed[i].Version == theirs[i].Version && agreed[i].Mtime == theirs[i].Mtime &&
				(agreed[i].IsFolder() || agreed[i].Facts == mine[i].Facts)
		}
		if !same {
			r.agreeSet(l, rem)
		}
	}
}

// own finds sets that are on the server as this device sent them, in a commit whose reply was lost: that is what both sides
// agreed on then.
func (r *round) own() error {
	sent, err := r.m.ours()
	if err != nil || len(sent) == 0 {
		return err
	}
	met := make(map[state.SyncSent]bool)
	for rem := range r.inside {
		if r.remote.ByID[rem.ID] != rem {
			continue
		}
		row := state.SyncSent{Parent: rem.Parent.ID, Name: rem.Name, Hash: rem.Hash}
		if !sent[row] {
			continue
		}
		met[row] = true
		a := r.agreed.ByID[rem.ID]
		if a != nil && a.Kind != reconcile.KindSet {
			continue
		}
		if a == nil {
			l := r.standing(rem)
			if l == nil {
				continue
			}
			a = &reconcile.Entry{ID: rem.ID, Kind: reconcile.KindSet, Facts: l.Facts}
			if old := r.agreed.ByID[l.ID]; l.ID != 0 && old != nil {
				r.forget(old.ID) // the one it has replaced
			}
			if folder := r.agreed.ByID[rem.Parent.ID]; folder == nil || folder.Children[rem.Name] != nil || !r.hang(a, rem) {
				continue
			}
			r.local.Number(l, rem.ID)
		}
		a.Hash, a.Hashed, a.Mode, a.Mtime, a.Version = rem.Hash, true, rem.Mode, rem.Mtime, rem.Version
		r.inside[a] = copyMembers(a, r.inside[rem])
	}
	if r.scanned == 0 { // parts do not tell what sets there are
		return nil
	}
	b := &state.SyncBatch{}
	for row := range sent { // what never arrived another device may make the same
		if r.m.isSet(row.Name) && !met[row] {
			b.Answered = append(b.Answered, row)
		}
	}
	return r.m.State.Apply(b)
}

// standing is the local set at the place of a set of the server.
func (r *round) standing(rem *reconcile.Entry) *reconcile.Entry {
	folder := r.local.ByID[rem.Parent.ID]
	if folder == nil {
		return nil
	}
	if l := folder.Children[rem.Name]; l != nil && l.Kind == reconcile.KindSet {
		return l
	}
	return nil
}
