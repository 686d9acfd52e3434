package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// model is a namespace in memory, by the rules as they are told, without a database.
type model struct {
	root    int64
	journal int64
	nodes   map[int64]Entry // all rows, also those below deleted folders
}

// live tells whether a node is in the tree.
func (m *model) live(id int64) bool {
	for {
		if id == m.root {
			return true
		}
		n, ok := m.nodes[id]
		if !ok {
			return false
		}
		id = n.Parent
	}
}

func (m *model) child(parent int64, name string) *Entry {
	for _, n := range m.nodes {
		if n.Parent == parent && n.Name == name {
			return &n
		}
	}
	return nil
}

func (m *model) folder(id int64) error {
	switch {
	case !m.live(id):
		return ErrNotFound
	case id != m.root && m.nodes[id].Kind != KindFolder:
		return ErrNotFolder
	}
	return nil
}

func (m *model) number() int64 { m.journal++; return m.journal }

func modelExpect(there *Entry, version int64) error {
	switch {
	case version == ExpectAny, version == 0 && there == nil, there != nil && there.Version == version && version != 0:
		return nil
	case version == 0:
		return ErrExists
	}
	return ErrConflict
}

// apply carries out one change and says whether it is refused. new is the id the store gave a new node.
func (m *model) apply(c Change, new int64) error {
	var n Entry
	if c.Op >= OpSet {
		if n = m.nodes[c.Node]; c.Node == m.root || !m.live(c.Node) {
			if c.Node != m.root {
				return ErrNotFound
			}
			return ErrForbidden // set is not tried with the root
		}
		expect := map[Op]int64{OpSet: c.Expect, OpMove: c.ExpectNode, OpCopy: ExpectAny, OpDelete: c.Expect}[c.Op]
		if expect != ExpectAny && expect != n.Version {
			return ErrConflict
		}
	}
	var there *Entry
	if c.Op != OpSet && c.Op != OpDelete {
		if err := m.folder(c.Parent.Node); err != nil {
			return err
		}
		there = m.child(c.Parent.Node, c.Name)
	}
	switch c.Op {
	case OpPut:
		want := Entry{Node: new, Parent: c.Parent.Node, Name: c.Name, Kind: c.Kind, Size: c.Size, Mode: c.Mode, Mtime: c.Mtime, Hash: c.Hash}
		if there != nil {
			want.Node, want.Version = there.Node, there.Version
			if want == *there {
				return nil
			}
		}
		if err := modelExpect(there, c.Expect); err != nil {
			return err
		}
		if there != nil && there.Kind == KindFolder {
			return ErrIsFolder
		}
		want.Version = m.number()
		m.nodes[want.Node] = want
	case OpMkdir:
		want := Entry{Node: new, Parent: c.Parent.Node, Name: c.Name, Kind: KindFolder, Mode: c.Mode, Mtime: c.Mtime}
		if there != nil {
			want.Node, want.Version = there.Node, there.Version
			if want == *there {
				return nil
			}
		}
		if err := modelExpect(there, c.Expect); err != nil {
			return err
		}
		if there != nil && there.Kind != KindFolder {
			return ErrNotFolder
		}
		want.Version = m.number()
		m.nodes[want.Node] = want
	case OpSet:
		if n.Mode != c.Mode || n.Mtime != c.Mtime {
			n.Mode, n.Mtime, n.Version = c.Mode, c.Mtime, m.number()
			m.nodes[n.Node] = n
		}
	case OpMove:
		if there != nil && there.Node == n.Node {
			return nil
		}
		if err := modelExpect(there, c.Expect); err != nil {
			return err
		}
		for at := c.Parent.Node; at != m.root; at = m.nodes[at].Parent {
			if at == n.Node {
				return ErrCycle
			}
		}
		if there != nil {
			if there.Kind == KindFolder {
				return ErrIsFolder
			}
			if n.Kind == KindFolder {
				return ErrNotFolder
			}
			m.number()
			delete(m.nodes, there.Node)
		}
		n.Parent, n.Name, n.Version = c.Parent.Node, c.Name, m.number()
		m.nodes[n.Node] = n
	case OpCopy:
		if err := modelExpect(there, c.Expect); err != nil {
			return err
		}
		if there != nil {
			switch {
			case there.Node == n.Node:
				return nil
			case there.Kind == KindFolder:
				return ErrIsFolder
			case n.Kind == KindFolder:
				return ErrNotFolder
			}
			like := n
			like.Node, like.Parent, like.Name, like.Version = there.Node, there.Parent, there.Name, there.Version
			if like != *there {
				like.Version = m.number()
				m.nodes[like.Node] = like
			}
			return nil
		}
		m.copy(n, c.Parent.Node, c.Name, &new)
	case OpDelete:
		if n.Kind == KindFolder && !c.Recursive {
			for _, o := range m.nodes {
				if o.Parent == n.Node {
					return ErrNotEmpty
				}
			}
		}
		m.number()
		delete(m.nodes, n.Node)
	}
	return nil
}

// copy copies breadth first, in order of name, as ids and numbers are given.
func (m *model) copy(top Entry, parent int64, name string, next *int64) {
	type pair struct {
		source Entry
		parent int64
	}
	queue := []pair{{top, parent}}
	queue[0].source.Name = name
	source := maps.Clone(m.nodes)
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		id := p.source.Node
		n := p.source
		n.Node, n.Parent, n.Version = *next, p.parent, m.number()
		m.nodes[n.Node] = n
		*next++
		var below []Entry
		for _, o := range source {
			if o.Parent == id {
				below = append(below, o)
			}
		}
		slices.SortFunc(below, byName)
		for _, o := range below {
			queue = append(queue, pair{o, n.Node})
		}
	}
}

func byName(a, b Entry) int {
	if a.Name < b.Name {
		return -1
	}
	return 1
}

// list is the tree depth first, in order of name.
func (m *model) list(folder int64) (all []Entry) {
	var below []Entry
	for _, n := range m.nodes {
		if n.Parent == folder {
			below = append(below, n)
		}
	}
	slices.SortFunc(below, byName)
	for _, n := range below {
		all = append(append(all, n), m.list(n.Node)...)
	}
	return all
}

// follower is a client that lists once and then only follows changes.
type follower struct {
	epoch, since int64
	nodes        map[int64]Entry
}

func (f *follower) follow(s *Store, w Who, page int) error {
	for {
		n := 0
		var last int64
		_, journal, more, err := s.Changes(w, 0, f.epoch, f.since, func(e Entry) bool {
			if n == page {
				return false
			}
			n++
			if e.Version <= max(last, f.since) {
				err := fmt.Sprintf("number %d comes after %d", e.Version, max(last, f.since))
				panic(err)
			}
			last = e.Version
			if e.Deleted {
				delete(f.nodes, e.Node)
			} else {
				f.nodes[e.Node] = e
			}
			return true
		})
		if err != nil {
			return err
		}
		if !more {
			f.since = journal
			return nil
		}
		f.since = last
	}
}

// drawChange draws a change to nodes and names, mostly one that is possible.
func (m *model) drawChange(r *rapid.T, ids []int64, names []string) Change {
	id := func(label string) int64 { return rapid.SampledFrom(ids).Draw(r, label) }
	c := Change{
		Op:     rapid.SampledFrom([]Op{OpPut, OpPut, OpMkdir, OpMkdir, OpSet, OpMove, OpCopy, OpDelete}).Draw(r, "op"),
		Mode:   uint32(rapid.IntRange(0o600, 0o602).Draw(r, "mode")),
		Expect: rapid.SampledFrom([]int64{ExpectAny, ExpectAny, 0, m.journal}).Draw(r, "expect"),
	}
	if c.Op != OpSet && c.Op != OpDelete {
		c.Parent.Node, c.Name = id("parent"), rapid.SampledFrom(names).Draw(r, "name")
	}
	switch c.Op {
	case OpPut:
		content := rapid.IntRange(0, 7).Draw(r, "content")
		c.Kind = rapid.SampledFrom([]Kind{KindFile, KindLink}).Draw(r, "kind")
		c.Hash, c.Size = contentHash(content), contentSize(content)
	case OpSet, OpMove, OpCopy, OpDelete:
		c.Node = id("node")
		c.ExpectNode = rapid.SampledFrom([]int64{ExpectAny, ExpectAny, m.nodes[c.Node].Version}).Draw(r, "expect node")
		c.Recursive = rapid.Bool().Draw(r, "recursive")
	}
	return c
}

// The store's tree is the model's after any changes, and a client that only follows changes has the same.
func TestTreeModel(t *testing.T) {
	s, w := newTree(t, 8)
	names := []string{"a", "b", "c", "\xff%"}
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		// Each run has a folder of its own: to begin a data folder anew would take longer than the run.
		run++
		top := mustApply(t, s, w, mkdirOf(w.Root, fmt.Sprintf("run-%d", run)))[0]
		epoch, journal, _, err := s.Stat(w, 0, 0, nil)
		if err != nil {
			r.Fatal(err)
		}
		m := &model{root: top.Node, journal: journal, nodes: map[int64]Entry{}}
		f := &follower{epoch: epoch, since: journal, nodes: map[int64]Entry{}}
		ids := []int64{top.Node, 1 << 40}
		for range rapid.IntRange(1, 25).Draw(r, "commits") {
			var changes []Change
			for range rapid.IntRange(1, 6).Draw(r, "changes") {
				if c := m.drawChange(r, ids, names); c.Node != top.Node { // the model's root is none to the store
					changes = append(changes, c)
				}
			}
			fates, err := commit(s, w, false, changes)
			if err != nil {
				r.Fatal(err)
			}
			for i, c := range changes {
				before := m.journal
				if want := m.apply(c, fates[i].Node); !errors.Is(fates[i].Err, want) || (want == nil) != (fates[i].Err == nil) {
					r.Fatalf("%+v is refused with %v, not %v", c, fates[i].Err, want)
				}
				if m.journal > before && fates[i].Version != m.journal && c.Op != OpCopy {
					r.Fatalf("%+v has number %d, not %d", c, fates[i].Version, m.journal)
				}
				if fates[i].Err == nil {
					ids = append(ids, fates[i].Node)
				}
			}
			want := m.list(m.root)
			for _, e := range want {
				ids = append(ids, e.Node) // what copies have made too
			}
			if got := listAll(t, s, w, top.Node, true, rapid.IntRange(1, 9).Draw(r, "page")); !slices.Equal(got, want) {
				r.Fatalf("the list is\n%+v\nnot\n%+v", got, want)
			}
			if rapid.Bool().Draw(r, "follow") {
				if err := f.follow(s, w, rapid.IntRange(1, 5).Draw(r, "news")); err != nil {
					r.Fatal(err)
				}
				mine := &model{nodes: f.nodes}
				if got := mine.list(m.root); !slices.Equal(got, want) {
					r.Fatalf("who follows changes has\n%+v\nnot\n%+v", got, want)
				}
			}
		}
		for _, e := range m.list(m.root) {
			_, _, found, err := s.Stat(w, 0, e.Parent, []string{e.Name, "not there", "x"})
			if err != nil || len(found) != 2 || found[1] != e {
				r.Fatalf("stat tells %+v, %v, not %+v", found, err, e)
			}
		}
	})
	checkCharges(t, s, w)
}
