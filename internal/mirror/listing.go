package mirror

import (
	"context"
	"slices"

	"sluice/internal/client"
	"sluice/internal/state"
)

// list reads all of the server's folder: the first time, or because the journal does not tell what was missed.
func (m *Mirror) list(ctx context.Context) error {
	list, err := m.Server.ListAll(ctx, m.root.Node)
	if err != nil {
		return err
	}
	listed := make(map[int64]state.SyncEntry, len(list.Entries))
	for i := range list.Entries {
		e := told(&list.Entries[i])
		listed[e.ID] = e
	}
	agreed := make(map[int64]state.SyncNode)
	if err := m.State.Nodes(func(n *state.SyncNode) { agreed[n.ID] = *n }); err != nil {
		return err
	}
	root := m.root
	b := &state.SyncBatch{Root: &root, Anew: true}
	if root.Listed && (list.Epoch != root.Epoch || list.Journal < root.Journal) {
		known := root.Journal
		if list.Epoch == root.Epoch { // the server's disk was put back behind its back: numbers may have been given twice
			known = 0
		}
		agreed = wentBack(agreed, listed, known)
		if b.Answered, err = m.State.Sent(); err != nil {
			return err
		}
	} else if sent, err := m.ours(); err != nil {
		return err
	} else {
		m.recognize(agreed, listed, sent)
		b.Answered = m.unmet(sent)
	}
	for _, id := range sorted(agreed) {
		b.Nodes = append(b.Nodes, agreed[id])
	}
	for _, id := range sorted(listed) {
		e := listed[id]
		if a, found := agreed[id]; !found || a.Version != e.Version || !same(&a.SyncEntry, &e) {
			b.News = append(b.News, state.SyncNews{SyncEntry: e})
		}
	}
	// In one epoch a number is given once, so what is not there any more was deleted, or lies elsewhere.
	for _, id := range sorted(agreed) {
		if _, found := listed[id]; !found {
			gone := state.SyncNews{SyncEntry: agreed[id].SyncEntry, Deleted: true}
			b.News = append(b.News, gone)
		}
	}
	root.Listed, root.Epoch, root.Journal = true, list.Epoch, list.Journal
	if err := m.apply(b); err != nil {
		return err
	}
	m.root, m.whole, m.own = root, true, own{reach: root.Journal}
	return nil
}

// recognize makes agreed of what is listed what our own commits, whose replies were lost, have made of it.
func (m *Mirror) recognize(agreed map[int64]state.SyncNode, listed map[int64]state.SyncEntry, own map[state.SyncSent]bool) {
	if len(own) == 0 {
		return
	}
	f := &following{m: m}
	for _, id := range sorted(listed) {
		n := state.SyncNews{SyncEntry: listed[id]}
		a, found := agreed[id]
		if row, ok := f.done(&n, &a, found, own); ok {
			agreed[id] = row
		}
	}
	for id := range agreed {
		if _, found := listed[id]; !found && own[ownDelete(id)] {
			delete(agreed, id)
		}
	}
}

// wentBack says what of the agreed nodes still counts when the server was restored from a backup: rule 6. What the server
// does not have any more was not deleted there: it is agreed no longer, stays here, and goes up. What it has in an earlier
// state was the ancestor of ours, and ours goes up over it. Numbers given since the restore are greater than all that were
// given before (see docs/PROTOCOL.md), so what has one up to journal is of the history that was followed.
func wentBack(agreed map[int64]state.SyncNode, listed map[int64]state.SyncEntry, journal int64) map[int64]state.SyncNode {
	kept := make(map[int64]state.SyncNode)
	for id, a := range agreed {
		e, found := listed[id]
		switch {
		case !found:
		case a.SyncEntry == e:
			kept[id] = a
		case e.Version > journal: // changed since then: not known from what
		case e.Version > a.Version: // changed from what was agreed, as was known
			kept[id] = a
		case e.Kind == uint8(client.KindFolder) || e.Hash == a.Hash && e.Mtime == a.Mtime:
			a.SyncEntry = e
			kept[id] = a
		default: // without facts: what is here is to be looked at
			kept[id] = state.SyncNode{SyncEntry: e, Ino: a.Ino, Born: a.Born}
		}
	}
	return kept
}

func sorted[T any](m map[int64]T) []int64 {
	ids := make([]int64, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
