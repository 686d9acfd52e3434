package mirror

import (
	"sluice/internal/proto"
	"sluice/internal/reconcile"
	"sluice/internal/state"
)

// maxAhead bounds the agreed rows that are kept in memory while the folder is scanned.
const maxAhead = 50_000

// readAhead begins to read the agreed rows, beside a scan. The function waits for them; nil: they are to be read later.
func (m *Mirror) readAhead() func() []state.SyncNode {
	var rows []state.SyncNode
	wait := m.Beside(func() {
		n, _, err := m.State.Count()
		if err != nil || n > maxAhead {
			return
		}
		all := make([]state.SyncNode, 0, n)
		if m.State.Nodes(func(n *state.SyncNode) { all = append(all, *n) }) == nil {
			rows = all
		}
	})
	return func() []state.SyncNode {
		wait()
		return rows
	}
}

// same says whether all is as it was agreed, so that no trees need be made and compared to find nothing: the server has
// told nothing that is not agreed, and every local entry has the facts of the agreed row at its place. What it cannot
// tell from these is not the same. The rows may have been read before; nil: they have not.
func (m *Mirror) same(local *reconcile.Tree, rows []state.SyncNode) (bool, error) {
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
	if n, news, err := m.State.Count(); err != nil || news > 0 || n != names {
		return false, err
	}
	at := map[int64]*reconcile.Entry{m.root.Node: local.Root}
	waiting := make(map[int64][]state.SyncNode) // rows whose folder comes later
	same := true
	each := func(n *state.SyncNode) {
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
	}
	var err error
	if rows == nil {
		err = m.State.Nodes(each)
	}
	for i := range rows {
		each(&rows[i])
	}
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
