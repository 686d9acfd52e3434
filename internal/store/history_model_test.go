package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/db"
)

// memory is a model that keeps every state it ever had, one after each change.
type memory struct {
	*model
	states  []map[int64]Entry // all rows, also those below deleted folders
	moments []instant
	deletes map[int64]deleted // by number
}

// instant is the end of a commit.
type instant struct {
	at    int64
	state int // index of the state it left
}

// deleted is a name that was deleted, as it was then.
type deleted struct {
	entry Entry
	state int // the last one it was in
}

func (m *memory) note() { m.states = append(m.states, maps.Clone(m.nodes)) }

// commit notes the end of a commit, when the server says it was.
func (m *memory) commit(r *rapid.T, s *Store, w Who) {
	err := s.read(func(tx *db.Tx) error {
		last, _, err := tx.LastMoment(w.Namespace)
		if n := len(m.moments); err == nil && (n == 0 || m.moments[n-1].at < last.At) {
			if last.Journal != m.journal {
				err = fmt.Errorf("a moment of %d, the journal is %d", last.Journal, m.journal)
			}
			m.moments = append(m.moments, instant{last.At, len(m.states) - 1})
		} else if err == nil {
			m.moments[n-1].state = len(m.states) - 1 // nothing has changed
		}
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
}

// same tells whether two entries of a node are one state of it: mode and mtime have no versions of their own.
func same(a, b Entry) bool {
	return a.Parent == b.Parent && a.Name == b.Name && a.Kind == b.Kind && a.Hash == b.Hash && a.Size == b.Size
}

// asOf is the model as it was. A state that has ended is told with the mode and mtime it ended with.
func (m *memory) asOf(state int) *model {
	old := &model{root: m.root, nodes: maps.Clone(m.states[state])}
	for id, e := range old.nodes {
		for _, later := range m.states[state+1:] {
			l, there := later[id]
			if !there || !same(e, l) {
				break
			}
			e.Mode, e.Mtime = l.Mode, l.Mtime
		}
		e.Version = 0
		old.nodes[id] = e
	}
	return old
}

// versions are the contents a node had, the latest first.
func (m *memory) versions(id int64) (all [][32]byte) {
	for _, s := range m.states {
		if e, there := s[id]; there && (len(all) == 0 || all[len(all)-1] != e.Hash) {
			all = append(all, e.Hash)
		}
	}
	slices.Reverse(all)
	return all
}

// paths is a tree by its paths, without ids and versions.
func paths(root int64, list []Entry) map[string]Entry {
	names, all := map[int64]string{root: ""}, map[string]Entry{}
	for _, e := range list {
		path := names[e.Parent] + "/" + e.Name
		names[e.Node] = path
		e.Node, e.Parent, e.Version = 0, 0, 0
		all[path] = e
	}
	return all
}

// path gives where a node stands; false: it is not in the tree.
func (m *model) path(id int64) (string, bool) {
	if id == m.root {
		return "", true
	}
	e, there := m.nodes[id]
	if !there {
		return "", false
	}
	above, ok := m.path(e.Parent)
	return above + "/" + e.Name, ok
}

func below(path, top string) bool { return path == top || strings.HasPrefix(path, top+"/") }

// restored is the tree now once what was at a path of the tree was has come to another. False: it is refused.
func restored(now, was map[string]Entry, from, to string, exact, sameWay bool) (map[string]Entry, bool) {
	now = maps.Clone(now)
	for i := 1; i < len(to); i++ { // the folders on the way
		if to[i] != '/' {
			continue
		}
		e, there := now[to[:i]]
		if there && e.Kind != KindFolder || !there && !sameWay {
			return nil, false
		}
		if !there {
			now[to[:i]] = was[to[:i]]
		}
	}
	var order []string
	for path := range was {
		if below(path, from) {
			order = append(order, path)
		}
	}
	slices.Sort(order)
	for _, path := range order {
		at, e := to+path[len(from):], was[path]
		e.Name = at[strings.LastIndexByte(at, '/')+1:]
		there, taken := now[at]
		if taken && (there.Kind == KindFolder) != (e.Kind == KindFolder) {
			if !exact {
				return nil, false
			}
			maps.DeleteFunc(now, func(p string, _ Entry) bool { return below(p, at) })
			taken = false
		}
		if !taken || e.Kind != KindFolder || exact {
			now[at] = e
		}
	}
	if exact {
		maps.DeleteFunc(now, func(p string, _ Entry) bool {
			if !below(p, to) || p == to {
				return false
			}
			_, stood := was[from+p[len(to):]]
			return !stood
		})
	}
	return now, true
}

// restore asks the store to restore, and gives what it did and the number it came to.
func restore(s *Store, w Who, r Restore) (done Restored, journal int64, err error) {
	_, err = s.Restore(w, newOnceTest(), 0, r, func(n int64, d Restored) []byte {
		done, journal = d, n
		return nil
	})
	return done, journal, err
}

// adopt takes over the store's tree after a restore, whose new ids the model cannot know.
func (m *memory) adopt(list []Entry, journal int64) {
	for _, e := range m.list(m.root) {
		delete(m.nodes, e.Node)
	}
	for _, e := range list {
		m.nodes[e.Node] = e
	}
	m.journal = journal
	m.note()
}

func without(list []Entry) []Entry {
	list = slices.Clone(list)
	for i := range list {
		list[i].Version = 0
	}
	return list
}

func listAt(s *Store, w Who, node, at int64, perPage int) (all []Entry, err error) {
	after := int64(0)
	for {
		n := 0
		_, _, more, err := s.ListAt(w, 0, node, at, true, after, func(e Entry) bool {
			if n == perPage {
				return false
			}
			n++
			all = append(all, e)
			after = e.Node
			return true
		})
		if err != nil || !more {
			return all, err
		}
	}
}

// Whatever was changed, moved, deleted and restored: the tree as of any time is the one the model remembers, a restore
// makes of the tree what the model makes of it, and who only follows the changes has the same tree.
func TestHistoryModel(t *testing.T) {
	s, w := newTree(t, 8)
	names := []string{"a", "b", "\xff%"}
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		topName := fmt.Sprintf("run-%d", run)
		top := mustApply(t, s, w, mkdirOf(w.Root, topName))[0]
		epoch, journal, _, err := s.Stat(w, 0, 0, nil)
		if err != nil {
			r.Fatal(err)
		}
		m := &memory{model: &model{root: top.Node, journal: journal, nodes: map[int64]Entry{}}, deletes: map[int64]deleted{}}
		m.note()
		m.commit(r, s, w)
		f := &follower{epoch: epoch, since: journal, nodes: map[int64]Entry{}}
		ids := []int64{top.Node}
		for range rapid.IntRange(1, 20).Draw(r, "commits") {
			switch rapid.IntRange(0, 3).Draw(r, "what") {
			case 0:
				m.tryRestore(t, r, s, w, topName)
			case 1:
				m.tryTrash(t, r, s, w)
			default:
				var changes []Change
				for range rapid.IntRange(1, 6).Draw(r, "changes") {
					if c := m.drawChange(r, ids, names); c.Node != top.Node {
						changes = append(changes, c)
					}
				}
				fates, err := commit(s, w, false, changes)
				if err != nil {
					r.Fatal(err)
				}
				for i, c := range changes {
					before := m.journal
					gone, state := m.nodes[c.Node], len(m.states)-1
					if want := m.apply(c, fates[i].Node); (want == nil) != (fates[i].Err == nil) {
						r.Fatalf("%+v is refused with %v, not %v", c, fates[i].Err, want)
					}
					if m.journal > before {
						m.note()
					}
					if c.Op == OpDelete && fates[i].Err == nil {
						m.deletes[m.journal] = deleted{gone, state}
					}
				}
				m.commit(r, s, w)
			}
			want := m.list(m.root)
			ids = append(ids[:1], 1<<40)
			for id := range m.nodes {
				ids = append(ids, id)
			}
			slices.Sort(ids[1:])
			if got := listAll(t, s, w, top.Node, true, rapid.IntRange(1, 9).Draw(r, "page")); !slices.Equal(got, want) {
				r.Fatalf("the list is\n%+v\nnot\n%+v", got, want)
			}
			if rapid.Bool().Draw(r, "follow") {
				if err := f.follow(s, w, rapid.IntRange(1, 5).Draw(r, "news")); err != nil {
					r.Fatal(err)
				}
				if got := (&model{nodes: f.nodes}).list(m.root); !slices.Equal(got, want) {
					r.Fatalf("who follows changes has\n%+v\nnot\n%+v", got, want)
				}
			}
		}
		for _, id := range ids[1:] {
			if id == 1<<40 { // nobody
				continue
			}
			var got [][32]byte
			_, _, _, err := s.Versions(w, 0, id, nil, 0, func(v Version) bool {
				if len(got) == 0 || got[len(got)-1] != v.Hash {
					got = append(got, v.Hash)
				}
				return true
			})
			if want := m.versions(id); err != nil || !slices.Equal(got, want) {
				r.Fatalf("the versions of %d are\n%x, %v\nnot\n%x", id, got, err, want)
			}
		}
		for i, moment := range m.moments {
			at := moment.at
			if i+1 < len(m.moments) {
				at = rapid.Int64Range(at, m.moments[i+1].at-1).Draw(r, "at")
			}
			old := m.asOf(moment.state)
			want := old.list(m.root)
			got, err := listAt(s, w, top.Node, at, rapid.IntRange(1, 4).Draw(r, "page"))
			if err != nil || !slices.Equal(without(got), want) {
				r.Fatalf("as of %d, %v, the list is\n%+v\nnot\n%+v", i, err, got, want)
			}
			for _, e := range want {
				_, _, found, err := s.StatAt(w, 0, e.Parent, at, []string{e.Name, "not there"})
				if err != nil || len(found) != 2 || without(found)[1] != e {
					r.Fatalf("stat tells %+v, %v, not %+v", found, err, e)
				}
			}
		}
	})
	checkCharges(t, s, w)
	checkFaults(t, s)
}

// checkFaults asks for everything in the database that contradicts itself, but for contents, which have no files here.
func checkFaults(t *testing.T, s *Store) {
	t.Helper()
	if err := s.db.Faults(func(f db.Fault) {
		if f.Kind != db.FaultContent {
			t.Errorf("%s %s", f.Kind, f.Text)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// tryRestore restores something as of some time.
func (m *memory) tryRestore(t *testing.T, r *rapid.T, s *Store, w Who, topName string) {
	i := rapid.IntRange(0, len(m.moments)-1).Draw(r, "moment")
	old := m.asOf(m.moments[i].state)
	list := old.list(m.root)
	q := Restore{At: m.moments[i].at, Exact: rapid.Bool().Draw(r, "exact")}
	node := m.root
	if k := rapid.IntRange(-1, len(list)-1).Draw(r, "node"); k >= 0 {
		node = list[k].Node
	}
	from, _ := old.path(node)
	to, sameWay := from, true
	if rapid.Bool().Draw(r, "by path") {
		q.Path = strings.Split(topName+from, "/")
	} else {
		q.Node = node
	}
	now := m.list(m.root)
	if node != m.root && rapid.Bool().Draw(r, "to") {
		q.Parent, sameWay = m.root, false
		for _, e := range now {
			if e.Kind == KindFolder && rapid.IntRange(0, 2).Draw(r, "here") == 0 {
				q.Parent = e.Node
				break
			}
		}
		q.Name = rapid.SampledFrom([]string{"a", "new"}).Draw(r, "name")
		above, _ := m.path(q.Parent)
		to = above + "/" + q.Name
	}
	want, ok := restored(paths(m.root, now), paths(m.root, list), from, to, q.Exact, sameWay)
	if rapid.Bool().Draw(r, "dry") {
		q.Dry = true
		if _, _, err := restore(s, w, q); (err == nil) != ok {
			r.Fatalf("trying %+v: %v", q, err)
		}
		q.Dry = false
	}
	done, journal, err := restore(s, w, q)
	if (err == nil) != ok {
		r.Fatalf("restore %+v of %q to %q: %v, it is refused: %v", q, from, to, err, !ok)
	}
	if err != nil {
		return
	}
	got := listAll(t, s, w, m.root, true, 100)
	if !maps.Equal(paths(m.root, got), want) {
		r.Fatalf("restored %+v, %+v\n%+v\nthe tree is\n%+v\nnot\n%+v", q, done, now, paths(m.root, got), want)
	}
	m.adopt(got, journal)
	m.commit(r, s, w)
}

// tryTrash restores a deleted name.
func (m *memory) tryTrash(t *testing.T, r *rapid.T, s *Store, w Who) {
	var trash []Trashed
	if _, _, _, err := s.Trash(w, 0, 0, func(e Trashed) bool {
		if _, mine := m.deletes[e.Number]; mine {
			trash = append(trash, e)
		}
		return true
	}); err != nil {
		r.Fatal(err)
	}
	if len(trash) == 0 {
		return
	}
	e := rapid.SampledFrom(trash).Draw(r, "trash")
	d := m.deletes[e.Number]
	old := m.asOf(d.state)
	from, _ := old.path(e.Node)
	if path := "/" + strings.Join(e.Path[1:], "/"); path != from {
		r.Fatalf("the trash tells %q, not %q", path, from)
	}
	// Below it is what was left there when it was deleted; nothing can have changed since.
	gone := &model{root: e.Node, nodes: m.nodes}
	lost := gone.list(e.Node)
	now := paths(m.root, m.list(m.root))
	to := from
	if above, there := m.path(d.entry.Parent); there {
		to = above + "/" + d.entry.Name // the folder may stand elsewhere now
	}
	was := paths(m.root, old.list(m.root))
	_, taken := now[to]
	want, ok := restored(now, was, from, to, false, true)
	_, journal, err := restore(s, w, Restore{Trash: e.Number})
	if (err == nil) != (ok && !taken) {
		r.Fatalf("restore of %q to %q: %v", from, to, err)
	}
	if err != nil {
		return
	}
	got := listAll(t, s, w, m.root, true, 100)
	if !maps.Equal(paths(m.root, got), want) {
		r.Fatalf("restored %q to %q\nthe tree is\n%+v\nnot\n%+v", from, to, paths(m.root, got), want)
	}
	back := map[int64]bool{}
	for _, g := range got {
		back[g.Node] = true
	}
	for _, l := range append(lost, d.entry) {
		if !back[l.Node] {
			r.Fatalf("node %d has not come again", l.Node)
		}
	}
	m.adopt(got, journal)
	m.commit(r, s, w)
}
