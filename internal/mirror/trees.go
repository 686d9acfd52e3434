package mirror

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sluice/internal/client"
	"sluice/internal/proto"
	"sluice/internal/reconcile"
	"sluice/internal/state"
)

// entryOf makes a tree's entry of a row.
func entryOf(e *state.SyncEntry) *reconcile.Entry {
	kind := proto.Kind(e.Kind)
	return &reconcile.Entry{
		ID: e.ID, Name: e.Name, Kind: kind, Hash: e.Hash, Hashed: kind != proto.KindFolder,
		Size: e.Size, Mode: e.Mode, Mtime: e.Mtime, Version: e.Version,
	}
}

// rowOf makes a row of a tree's entry: of a set that of its folder.
func rowOf(e *reconcile.Entry) state.SyncEntry {
	if e.Kind == reconcile.KindSet {
		return state.SyncEntry{ID: e.ID, Parent: e.Parent.ID, Name: e.Name, Kind: uint8(proto.KindFolder), Mode: e.Mode, Mtime: e.Mtime, Version: e.Version}
	}
	return state.SyncEntry{
		ID: e.ID, Parent: e.Parent.ID, Name: e.Name, Kind: uint8(e.Kind), Hash: e.Hash,
		Size: e.Size, Mode: e.Mode, Mtime: e.Mtime, Version: e.Version,
	}
}

// told makes a row of what the server says.
func told(e *client.Entry) state.SyncEntry {
	return state.SyncEntry{
		ID: e.Node, Parent: e.Parent, Name: e.Name, Kind: uint8(e.Kind), Hash: e.Hash,
		Size: e.Size, Mode: e.Mode, Mtime: e.Mtime, Version: e.Version,
	}
}

// nodeOf makes the agreed row of an agreed entry.
func nodeOf(e *reconcile.Entry) state.SyncNode {
	f := &e.Facts
	return state.SyncNode{SyncEntry: rowOf(e), FactSize: f.Size, FactMtime: f.Mtime, FactCtime: f.Ctime, Ino: f.Ino, Born: f.Born}
}

func agreedOf(n *state.SyncNode) *reconcile.Entry {
	e := entryOf(&n.SyncEntry)
	e.Facts = reconcile.Facts{Size: n.FactSize, Mtime: n.FactMtime, Ctime: n.FactCtime, Ino: n.Ino, Born: n.Born}
	return e
}

// rooted makes a tree of a root alone: what it has for mode and time is nobody's business but its own.
func rooted(id int64) *reconcile.Tree {
	return reconcile.NewTree(&reconcile.Entry{ID: id, Kind: proto.KindFolder})
}

// branch is an entry with the number of its parent, before both hang in a tree.
type branch struct {
	parent int64
	entry  *reconcile.Entry
}

// grow hangs into the tree what hangs together from its root. It answers with the numbers of the rest.
func grow(t *reconcile.Tree, all []branch) (rest []int64, err error) {
	below := make(map[int64][]*reconcile.Entry)
	for _, b := range all {
		below[b.parent] = append(below[b.parent], b.entry)
	}
	for todo := []*reconcile.Entry{t.Root}; len(todo) > 0; {
		folder := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, e := range below[folder.ID] {
			if folder.Children[e.Name] != nil || t.ByID[e.ID] != nil {
				return nil, fmt.Errorf("%w: two nodes are called %q", client.ErrProtocol, e.Name)
			}
			t.Add(folder, e)
			if e.IsFolder() {
				todo = append(todo, e)
			}
		}
		delete(below, folder.ID)
	}
	for _, list := range below {
		for _, e := range list {
			rest = append(rest, e.ID)
		}
	}
	slices.Sort(rest)
	return rest, nil
}

// load makes the agreed and the server's tree of what is remembered, and finds what this device has left unfinished there.
func (m *Mirror) load() (agreed, remote *reconcile.Tree, leftovers []*reconcile.Entry, err error) {
	agreed, remote = rooted(m.root.Node), rooted(m.root.Node)
	news := make(map[int64]*state.SyncNews)
	if err := m.State.News(func(n *state.SyncNews) { news[n.ID] = n }); err != nil {
		return nil, nil, nil, err
	}
	var ours, theirs []branch
	err = m.State.Nodes(func(n *state.SyncNode) {
		ours = append(ours, branch{n.Parent, agreedOf(n)})
		if news[n.ID] == nil {
			theirs = append(theirs, branch{n.Parent, entryOf(&n.SyncEntry)})
		}
	})
	if err != nil {
		return nil, nil, nil, err
	}
	for _, n := range news {
		if !n.Deleted {
			theirs = append(theirs, branch{n.Parent, entryOf(&n.SyncEntry)})
		}
	}
	if err := m.plant(agreed, ours, news); err != nil {
		return nil, nil, nil, err
	}
	rest, err := grow(remote, theirs)
	if err != nil {
		return nil, nil, nil, err
	}
	leftovers = conceal(remote, remote.Root, m.stagingPrefix())
	return agreed, remote, leftovers, m.outdated(news, rest, func(id int64) bool { return agreed.ByID[id] != nil })
}

// outdated settles news of what neither side has any more, with the folder it was in or alone, and that was never agreed.
func (m *Mirror) outdated(news map[int64]*state.SyncNews, rest []int64, agreed func(id int64) bool) error {
	b := &state.SyncBatch{}
	for _, id := range rest {
		if news[id] != nil && !agreed(id) {
			b.Settled = append(b.Settled, id)
		}
	}
	for id, n := range news {
		if n.Deleted && !agreed(id) {
			b.Settled = append(b.Settled, id)
		}
	}
	if b.Empty() {
		return nil
	}
	return m.apply(b)
}

// plant makes the agreed tree. Of two at one place, which a plan that was cut short leaves, the later is there by now; the
// earlier was moved by somebody, and is looked for under a name that nothing has. What does not hang together was agreed
// below a folder that is agreed no more: it is forgotten, but what the server has is not.
func (m *Mirror) plant(t *reconcile.Tree, all []branch, news map[int64]*state.SyncNews) error {
	slices.SortFunc(all, func(a, b branch) int {
		return cmp.Or(cmp.Compare(b.entry.Version, a.entry.Version), cmp.Compare(a.entry.ID, b.entry.ID))
	})
	type place struct {
		parent int64
		name   string
	}
	taken := make(map[place]bool, len(all))
	rows := make(map[int64]state.SyncEntry)
	for _, b := range all {
		at := place{b.parent, b.entry.Name}
		if taken[at] {
			b.entry.Name = "\x00" + strconv.FormatInt(b.entry.ID, 10)
		}
		taken[at] = true
	}
	rest, err := grow(t, all)
	if err != nil || len(rest) == 0 {
		return err
	}
	for _, b := range all {
		e := b.entry
		rows[e.ID] = state.SyncEntry{ID: e.ID, Parent: b.parent, Name: e.Name, Kind: uint8(e.Kind), Hash: e.Hash, Size: e.Size, Mode: e.Mode, Mtime: e.Mtime, Version: e.Version}
	}
	b := &state.SyncBatch{Forget: rest}
	for _, id := range rest {
		if news[id] == nil {
			b.News = append(b.News, state.SyncNews{SyncEntry: rows[id]})
		}
	}
	return m.apply(b)
}

// conceal takes what is hidden out of a tree. It answers with what has names that begin with own.
func conceal(t *reconcile.Tree, folder *reconcile.Entry, own string) (ours []*reconcile.Entry) {
	for name, e := range folder.Children {
		if hidden(name) {
			t.Remove(e)
			if strings.HasPrefix(name, own) {
				ours = append(ours, e)
			}
		} else if e.IsFolder() {
			ours = append(ours, conceal(t, e, own)...)
		}
	}
	slices.SortFunc(ours, func(a, b *reconcile.Entry) int { return cmp.Compare(a.ID, b.ID) })
	return ours
}
