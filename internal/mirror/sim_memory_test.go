package mirror

import (
	"maps"
	"slices"

	"sluice/internal/state"
)

// simMemory is the state's tables in memory: what state.Sync does, without the wait for a disk.
type simMemory struct {
	w         *world
	name      string
	root      state.SyncRoot
	nodes     map[int64]state.SyncNode
	news      map[int64]state.SyncNews
	sent      map[state.SyncSent]bool
	aloft     []state.SyncKey
	problems  []state.SyncProblem
	conflicts map[string]state.SyncConflict
}

func (m *simMemory) Root() (state.SyncRoot, error) { return m.root, nil }

func (m *simMemory) Nodes(each func(n *state.SyncNode)) error {
	for _, id := range sorted(m.nodes) {
		n := m.nodes[id]
		each(&n)
	}
	return nil
}

func (m *simMemory) Node(id int64) (state.SyncNode, bool, error) {
	n, found := m.nodes[id]
	return n, found, nil
}

func (m *simMemory) Children(parent int64, each func(n *state.SyncNode)) error {
	return m.Nodes(func(n *state.SyncNode) {
		if n.Parent == parent {
			each(n)
		}
	})
}

func (m *simMemory) Child(parent int64, name string) (found state.SyncNode, ok bool, err error) {
	err = m.Children(parent, func(n *state.SyncNode) {
		if n.Name == name {
			found, ok = *n, true
		}
	})
	return found, ok, err
}

func (m *simMemory) ByIno(ino uint64, each func(n *state.SyncNode)) error {
	return m.Nodes(func(n *state.SyncNode) {
		if n.Ino == ino {
			each(n)
		}
	})
}

func (m *simMemory) News(each func(n *state.SyncNews)) error {
	for _, id := range sorted(m.news) {
		n := m.news[id]
		each(&n)
	}
	return nil
}

func (m *simMemory) NewsOf(id int64) (state.SyncNews, bool, error) {
	n, found := m.news[id]
	return n, found, nil
}

func (m *simMemory) Sent() (all []state.SyncSent, err error) {
	for s := range m.sent {
		all = append(all, s)
	}
	return all, nil
}

func (m *simMemory) Aloft() ([]state.SyncKey, error) { return m.aloft, nil }

func (m *simMemory) Problems() ([]state.SyncProblem, error) { return m.problems, nil }

func (m *simMemory) Conflicts() (all []state.SyncConflict, err error) {
	for _, path := range slices.Sorted(maps.Keys(m.conflicts)) {
		all = append(all, m.conflicts[path])
	}
	return all, nil
}

func (m *simMemory) Count() (nodes, news int64, err error) {
	return int64(len(m.nodes)), int64(len(m.news)), nil
}

func (m *simMemory) Apply(b *state.SyncBatch) error {
	if b.Empty() {
		return nil
	}
	m.w.mayCrash(m.name, "record")
	if d := m.w.device(m.name); len(b.Nodes)+len(b.Forget) > 0 && len(d.disk.undo) > 0 {
		m.w.wrong("%s: names are recorded that are not durable", m.name)
	}
	if b.Anew {
		m.nodes, m.news = nil, nil
	}
	if m.nodes == nil {
		m.nodes, m.news = make(map[int64]state.SyncNode), make(map[int64]state.SyncNews)
	}
	if m.sent == nil {
		m.sent, m.conflicts = make(map[state.SyncSent]bool), make(map[string]state.SyncConflict)
	}
	for _, id := range b.Forget {
		delete(m.nodes, id)
	}
	for _, n := range b.Nodes {
		m.nodes[n.ID] = n
	}
	for _, id := range b.Settled {
		delete(m.news, id)
	}
	for _, n := range b.News {
		m.news[n.ID] = n
	}
	for _, s := range b.Sent {
		m.sent[s] = true
	}
	for _, s := range b.Answered {
		delete(m.sent, s)
	}
	m.aloft = append(slices.Clone(m.aloft), b.Launched...)
	m.aloft = slices.DeleteFunc(m.aloft, func(key state.SyncKey) bool { return slices.Contains(b.Landed, key) })
	for _, c := range b.Conflicts {
		m.conflicts[c.Path] = c
	}
	for _, path := range b.Resolved {
		delete(m.conflicts, path)
	}
	if b.Problems != nil {
		m.problems = *b.Problems
	}
	if b.Root != nil {
		m.root = *b.Root
	}
	m.w.mayCrash(m.name, "recorded")
	return nil
}
