package mirror

import (
	"sluice/internal/proto"
	"sluice/internal/reconcile"
	"sluice/internal/state"
)

// same says whether all is as it was agreed, so that no trees need be made and compared to find nothing: the server has
// told nothing that is not agreed, and every local entry has the facts of the agreed row at its place. What it cannot
// tell from these is not the same.
func (m *Mirror) same(local *reconcile.Tree) (bool, error) {
	if sent, err := m.State.Sent(); err != nil || len(sent) > 0 {
		return false, err
	}
	if conflicts, err := m.State.Conflicts(); err != nil || len(conflicts) > 0 {
		return false, err
	}
	names, ok := count(local.Root)
	if !ok {
		return false, nil
	}
	if rows, news, err := m.State.Count(); err != nil || news > 0 || rows != names {
		return false, err
	}
	at := map[int64]*reconcile.Entry{m.root.Node: local.Root}
	waiting := make(map[int64][]state.SyncNode) // rows whose folder comes later
	same := true
	err := m.State.Nodes(func(n *state.SyncNode) {
		for todo := []state.SyncNode{*n}; same && len(todo) > 0; {
			n := &todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			parent := at[n.Parent]
			if parent == nil {
				waiting[n.Parent] = append(waiting[n.Parent], *n)
				continue
			}
			e := parent.Children[n.Name]
			if e == nil || !asAgreed(e, n) {
				same = false
				return
			}
			if e.IsFolder() {
				at[n.ID] = e
				todo = append(todo, waiting[n.ID]...)
				delete(waiting, n.ID)
			}
		}
	})
	return same && len(waiting) == 0, err
}

// count counts the names below a folder that are synced; not ok: something there could not be read.
func count(e *reconcile.Entry) (names int64, ok bool) {
	if e.Unknown {
		return 0, false
	}
	for _, c := range e.Children {
		if c.Excluded {
			continue
		}
		below, ok := count(c)
		if !ok {
			return 0, false
		}
		names += 1 + below
	}
	return names, true
}

// asAgreed says whether a local entry is what was agreed at its place.
func asAgreed(e *reconcile.Entry, n *state.SyncNode) bool {
	if e.Excluded || uint8(e.Kind) != n.Kind || e.Mode != n.Mode || e.Facts.Ino != n.Ino || e.Facts.Born != n.Born {
		return false
	}
	if e.Kind == proto.KindFolder {
		return true
	}
	return e.Mtime == n.Mtime && e.Facts == reconcile.Facts{Size: n.FactSize, Mtime: n.FactMtime, Ctime: n.FactCtime, Ino: n.Ino, Born: n.Born}
}
