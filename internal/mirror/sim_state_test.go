package mirror

import (
	"path/filepath"
	"reflect"
	"testing"

	"sluice/internal/state"
)

// twin is a real state beside the simulator's: both are told the same, and must say the same.
type twin struct {
	*simMemory
	real *state.Sync
	t    *testing.T
}

func (m *twin) Apply(b *state.SyncBatch) error {
	if err := m.simMemory.Apply(b); err != nil { // a crash before or after
		return err
	}
	if err := m.real.Apply(b); err != nil {
		m.t.Fatal(err)
	}
	m.compare()
	return nil
}

// compare reads everything from both.
func (m *twin) compare() {
	m.t.Helper()
	type all struct {
		Root      state.SyncRoot
		Nodes     map[int64]state.SyncNode
		News      map[int64]state.SyncNews
		Sent      map[state.SyncSent]bool
		Problems  []state.SyncProblem
		Conflicts []state.SyncConflict
		Count     [2]int64
		Found     map[int64][]state.SyncNode
	}
	read := func(from Memory) (a all) {
		must := func(err error) {
			if err != nil {
				m.t.Fatal(err)
			}
		}
		var err error
		a.Root, err = from.Root()
		must(err)
		a.Nodes, a.News, a.Found = make(map[int64]state.SyncNode), make(map[int64]state.SyncNews), make(map[int64][]state.SyncNode)
		must(from.Nodes(func(n *state.SyncNode) { a.Nodes[n.ID] = *n }))
		must(from.News(func(n *state.SyncNews) { a.News[n.ID] = *n }))
		for id, n := range a.Nodes {
			one, found, err := from.Node(id)
			must(err)
			child, known, err := from.Child(n.Parent, n.Name)
			must(err)
			if !found || !known || one != n || child.Name != n.Name {
				m.t.Fatalf("%d: %v %v", id, one, child)
			}
			must(from.Children(n.Parent, func(n *state.SyncNode) { a.Found[n.Parent] = append(a.Found[n.Parent], *n) }))
			must(from.ByIno(n.Ino, func(n *state.SyncNode) { a.Found[-int64(n.Ino)-1] = append(a.Found[-int64(n.Ino)-1], *n) }))
		}
		for id, n := range a.News {
			one, found, err := from.NewsOf(id)
			must(err)
			if !found || one != n {
				m.t.Fatalf("%d: %v", id, one)
			}
		}
		for parent, list := range a.Found { // in no order
			count := make(map[int64]bool)
			for _, n := range list {
				count[n.ID] = true
			}
			a.Found[parent] = nil
			for _, id := range sorted(count) {
				a.Found[parent] = append(a.Found[parent], a.Nodes[id])
			}
		}
		sent, err := from.Sent()
		must(err)
		a.Sent = make(map[state.SyncSent]bool)
		for _, s := range sent {
			a.Sent[s] = true
		}
		a.Problems, err = from.Problems()
		must(err)
		if len(a.Problems) == 0 {
			a.Problems = nil
		}
		a.Conflicts, err = from.Conflicts()
		must(err)
		a.Count[0], a.Count[1], err = from.Count()
		must(err)
		return a
	}
	if want, got := read(m.simMemory), read(m.real); !reflect.DeepEqual(want, got) {
		m.t.Fatalf("the state has\n%+v\nwant\n%+v", got, want)
	}
}

// TestStateRemembers runs schedules with real state files, which are held against the simulator's after every record.
func TestStateRemembers(t *testing.T) {
	s, err := state.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for seed := range uint64(8) {
		w := newWorld(seed+5000, 2)
		for _, d := range w.devices {
			root := d.memory.root
			root.Server += string(rune('a' + seed))
			real, err := s.Sync(&root)
			if err != nil {
				t.Fatal(err)
			}
			w.server.uuid, d.memory.root = root.Server, root
			d.kept = &twin{d.memory, real, t}
		}
		w.spend(6, true, false, true)
		if w.fail != "" {
			t.Fatalf("seed %d: %s", w.seed, w.fail)
		}
	}
	roots, err := s.Syncs()
	if err != nil || len(roots) != 16 || roots[0].Journal == 0 {
		t.Fatalf("%d roots, %v", len(roots), err)
	}
	again, err := s.Sync(&roots[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Drop(); err != nil {
		t.Fatal(err)
	}
	if nodes, news, err := again.Count(); nodes != 0 || news != 0 || err != nil {
		t.Errorf("%d nodes and %d news are left, %v", nodes, news, err)
	}
}
