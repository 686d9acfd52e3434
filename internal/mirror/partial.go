package mirror

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"sluice/internal/client"
	"sluice/internal/proto"
	"sluice/internal/reconcile"
	"sluice/internal/state"
)

// errWhole says that parts do not tell enough: all has to be looked at.
var errWhole = errors.New("all has to be looked at")

// maxNews is how many news of the server parts are made of; more are cheaper looked at as a whole.
const maxNews = 1000

// partial is the agreed and the server's tree as far as some parts of them are looked at: rows are read by index, and
// none of what is not needed. Folders are Part unless all in them is known.
type partial struct {
	m     *Mirror
	nodes map[int64]*state.SyncNode // agreed rows read; nil: there is none
	news  map[int64]*state.SyncNews // all of them
	whole map[int64]bool            // agreed folders whose children were all read
	away  map[int64]bool            // agreed folders that are not at their place here
	found map[int64]bool            // agreed folders that were found elsewhere here
	paths map[string]bool           // folders here whose names were all read
	fresh []Part                    // folders here that were not looked into, and have to be
	alike []alike                   // what needs no plan, unless it is asked for
	asked map[int64]bool            // agreed rows that something else here may have been
}

// lookAt is look at some parts. A nil round: there is nothing to look at.
func (m *Mirror) lookAt(ctx context.Context, parts []Part) (*round, *partial, error) {
	if _, err := m.follow(ctx); err != nil {
		return nil, nil, err
	}
	if m.whole {
		return nil, nil, errWhole
	}
	if cut, err := m.fetching(); err != nil || len(cut) > 0 {
		return nil, nil, cmp.Or(err, errWhole)
	}
	p := &partial{
		m: m, nodes: make(map[int64]*state.SyncNode), news: make(map[int64]*state.SyncNews), whole: make(map[int64]bool),
		away: make(map[int64]bool), found: make(map[int64]bool), paths: make(map[string]bool), asked: make(map[int64]bool),
	}
	if err := m.State.News(func(n *state.SyncNews) { p.news[n.ID] = n }); err != nil {
		return nil, nil, err
	}
	if len(p.news) > maxNews {
		return nil, nil, errWhole
	}
	places, err := p.places()
	if err != nil {
		return nil, nil, err
	}
	if slices.ContainsFunc(parts, func(part Part) bool { return m.inSet(part.Path) }) {
		return nil, nil, errWhole
	}
	due, failed, err := m.due()
	if err != nil {
		return nil, nil, err
	}
	all := append(append(append([]Part{}, parts...), places...), due...)
	for i := range all { // of a name alone it is not found out that a failure is over, nor what is left alone anew
		if all[i].Name && (failed || strings.HasPrefix(all[i].Path[strings.LastIndexByte(all[i].Path, '/')+1:], ignoreFile)) {
			all[i] = Part{Path: above(all[i].Path)}
		}
	}
	if len(all) == 0 {
		if len(p.news) > 0 { // of nothing that has a place
			_, _, err = p.trees()
		}
		return nil, p, err
	}
	local, err := m.scan(ctx, all)
	if err != nil {
		return nil, nil, err
	}
	if err := p.walk(local.Root, m.root.Node, false); err != nil {
		return nil, nil, err
	}
	if len(p.fresh) > 0 {
		return m.lookAt(ctx, append(p.fresh, parts...))
	}
	for id := range p.away {
		if !p.found[id] { // deleted, or moved to where nobody looked: what it held is not known
			return nil, nil, errWhole
		}
	}
	p.leaveOut()
	agreed, remote, err := p.trees()
	if err != nil {
		return nil, nil, err
	}
	for _, t := range []*reconcile.Tree{agreed, local, remote} {
		if m.looksIntoSet(t.Root) {
			return nil, nil, errWhole
		}
	}
	r := m.compare(ctx, agreed, local, remote)
	if r.setsDiffer() {
		return nil, nil, errWhole
	}
	return r, p, r.plan()
}

// setsDiffer says whether a folder is a set on one side only, or has another mode, which is a part of what a set is.
func (r *round) setsDiffer() bool {
	for id, a := range r.agreed.ByID {
		for _, e := range [2]*reconcile.Entry{r.local.ByID[id], r.remote.ByID[id]} {
			if e == nil || !a.IsFolder() || !e.IsFolder() {
				continue
			}
			if was := r.m.isSet(a.Name); was != r.m.isSet(e.Name) || was && a.Mode != e.Mode {
				return true
			}
		}
	}
	return false
}

// looksIntoSet says whether anything of a set is in a tree but its name: parts do not tell what a set is.
func (m *Mirror) looksIntoSet(folder *reconcile.Entry) bool {
	for name, c := range folder.Children {
		if !c.IsFolder() {
			continue
		}
		if m.isSet(name) && (!c.Part || len(c.Children) > 0) || m.looksIntoSet(c) {
			return true
		}
	}
	return false
}

// looked says whether a folder here was looked at.
func (p *partial) looked(folder string) bool { return p.paths[folder] }

// ignoreFile begins the names of the files that say what is left alone.
const ignoreFile = ".sluiceignore"

// due is where something failed that is to be tried again by now. failed: something has.
func (m *Mirror) due() (parts []Part, failed bool, err error) {
	problems, err := m.State.Problems()
	now := m.Now().UnixNano()
	for _, p := range problems {
		if !p.Skipped && p.Retry <= now {
			if m.inSet(p.Path) {
				return nil, true, errWhole
			}
			parts = append(parts, Part{Path: above(p.Path)})
		}
	}
	return parts, len(problems) > 0, err
}

// node reads an agreed row, with those of all folders above it.
func (p *partial) node(id int64) (*state.SyncNode, error) {
	if n, read := p.nodes[id]; read {
		return n, nil
	}
	n, found, err := p.m.State.Node(id)
	if err != nil || !found {
		p.nodes[id] = nil
		return nil, err
	}
	return p.keep(&n)
}

func (p *partial) keep(n *state.SyncNode) (*state.SyncNode, error) {
	if old := p.nodes[n.ID]; old != nil {
		return old, nil
	}
	p.nodes[n.ID] = n
	if n.Parent == p.m.root.Node {
		return n, nil
	}
	if above, err := p.node(n.Parent); err != nil || above == nil {
		if err == nil {
			err = errWhole
		}
		return nil, err
	}
	return n, nil
}

// path is where an agreed folder is here, as it was agreed.
func (p *partial) path(id int64) (path string, found bool, err error) {
	for id != p.m.root.Node {
		n, err := p.node(id)
		if err != nil || n == nil {
			return "", false, err
		}
		if path == "" {
			path = n.Name
		} else {
			path = n.Name + "/" + path
		}
		id = n.Parent
	}
	return path, true, nil
}

// places is where the server's news are to be looked for here: where they were, and where they are to be.
func (p *partial) places() (parts []Part, err error) {
	add := func(folder int64, deep bool) {
		path, found, e := p.path(folder)
		if e != nil {
			err = e
		} else if found {
			parts = append(parts, Part{Path: path, Deep: deep})
		}
	}
	for _, id := range sorted(p.news) {
		n := p.news[id]
		a, e := p.node(id)
		if e != nil {
			return nil, e
		}
		if a != nil && !n.Deleted && n.Kind != uint8(client.KindFolder) && n.Kind == a.Kind && n.Parent == a.Parent && n.Name == a.Name {
			folder, found, e := p.path(n.Parent)
			if e != nil {
				return nil, e
			}
			if found {
				parts = append(parts, Part{Path: strings.TrimPrefix(folder+"/"+n.Name, "/"), Name: true})
			}
			continue
		}
		if a != nil {
			add(a.Parent, false)
			if n.Deleted && a.Kind == uint8(client.KindFolder) {
				add(id, true)
			}
		}
		if !n.Deleted {
			add(n.Parent, false)
		}
	}
	return parts, err
}

// walk reads the agreed rows that belong to what was read here: l is the agreed folder id, or a new one (0). calm: it lies below the
// root, and it and all folders above are where they were agreed, without news.
func (p *partial) walk(l *reconcile.Entry, id int64, calm bool) error {
	known := make(map[string]*state.SyncNode)
	whole := !l.Part && !l.Unknown
	if whole {
		p.paths[l.Path()] = true
	}
	if whole && id != 0 {
		p.whole[id] = true
		var list []state.SyncNode
		if err := p.m.State.Children(id, func(n *state.SyncNode) { list = append(list, *n) }); err != nil {
			return err
		}
		for i := range list {
			n, err := p.keep(&list[i])
			if err != nil {
				return err
			}
			if known[n.Name] != nil {
				return errWhole // two were agreed at one place
			}
			known[n.Name] = n
			c := l.Children[n.Name]
			switch {
			case n.Kind == uint8(proto.KindFolder):
				if c == nil || !isFolder(n, c) {
					p.away[n.ID] = true
				}
			case calm && c != nil && p.news[n.ID] == nil && asAgreed(c, n):
				p.alike = append(p.alike, alike{c, n.ID})
			}
		}
	}
	for name, c := range l.Children {
		a := known[name]
		if a == nil && !whole && id != 0 {
			n, found, err := p.m.State.Child(id, name)
			if err != nil {
				return err
			}
			if found {
				if a, err = p.keep(&n); err != nil {
					return err
				}
			}
		}
		if !whole && !c.IsFolder() && (a == nil || a.Kind == uint8(proto.KindFolder)) {
			p.fresh = append(p.fresh, Part{Path: l.Path()}) // it is new, or was moved here: what is beside it tells
			continue
		}
		if err := p.meet(c, a, calm || l.Parent == nil); err != nil {
			return err
		}
	}
	return nil
}

// alike is a file or link that is here as it was agreed, and of which there is no news.
type alike struct {
	local *reconcile.Entry
	id    int64
}

// leaveOut takes out of the trees what all three have alike, so that one changed file among thousands of its folder is planned
// alone: there is nothing to do about the others, and what takes no notice of their names is refused and planned with them. What
// stands in the root stays, as an empty root has a meaning.
func (p *partial) leaveOut() {
	for _, one := range p.alike {
		if !p.asked[one.id] {
			delete(p.nodes, one.id)
			delete(one.local.Parent.Children, one.local.Name)
		}
	}
}

// isFolder says whether c is the agreed folder n.
func isFolder(n *state.SyncNode, c *reconcile.Entry) bool {
	return c.IsFolder() && n.Kind == uint8(proto.KindFolder) && n.Ino == c.Facts.Ino && n.Born == c.Facts.Born
}

// meet reads what a local entry may have been: a is what was agreed at its place, if anything. calm: so is all above it.
func (p *partial) meet(c *reconcile.Entry, a *state.SyncNode, calm bool) error {
	if !c.IsFolder() {
		if a != nil && a.Kind != uint8(proto.KindFolder) {
			return nil
		}
		_, err := p.moved(c)
		return err
	}
	id, still := int64(0), false
	if a != nil && isFolder(a, c) {
		id, still = a.ID, p.news[a.ID] == nil
	} else if n, err := p.moved(c); err != nil {
		return err
	} else if n != nil {
		id = n.ID
		p.found[id] = true
	} else if a != nil && a.Kind == uint8(proto.KindFolder) {
		id = a.ID // another one at its place
		p.found[id] = true
	}
	if id == 0 && c.Part {
		p.fresh = append(p.fresh, Part{Path: c.Path(), Deep: true})
		return nil
	}
	return p.walk(c, id, calm && still)
}

// moved reads what was agreed elsewhere with the inode of c.
func (p *partial) moved(c *reconcile.Entry) (found *state.SyncNode, err error) {
	var list []state.SyncNode
	if err := p.m.State.ByIno(c.Facts.Ino, func(n *state.SyncNode) { list = append(list, *n) }); err != nil {
		return nil, err
	}
	for i := range list {
		p.asked[list[i].ID] = true
		n, err := p.keep(&list[i])
		if err != nil {
			return nil, err
		}
		if n.Kind == uint8(c.Kind) && n.Born == c.Facts.Born {
			found = n
		}
	}
	return found, nil
}

// trees makes trees of what was read.
func (p *partial) trees() (agreed, remote *reconcile.Tree, err error) {
	for _, id := range sorted(p.news) { // the folders that news stand in
		if n := p.news[id]; !n.Deleted && n.Parent != p.m.root.Node && p.news[n.Parent] == nil {
			if _, err := p.node(n.Parent); err != nil {
				return nil, nil, err
			}
		}
	}
	agreed, remote = rooted(p.m.root.Node), rooted(p.m.root.Node)
	part := func(e *reconcile.Entry, known bool) *reconcile.Entry {
		e.Part = e.IsFolder() && known && !p.whole[e.ID]
		return e
	}
	part(agreed.Root, true)
	part(remote.Root, true)
	var ours, theirs []branch
	for _, id := range sorted(p.nodes) {
		n := p.nodes[id]
		if n == nil {
			continue
		}
		ours = append(ours, branch{n.Parent, part(agreedOf(n), true)})
		if p.news[id] == nil {
			theirs = append(theirs, branch{n.Parent, part(entryOf(&n.SyncEntry), true)})
		}
	}
	for _, id := range sorted(p.news) {
		if n := p.news[id]; !n.Deleted {
			theirs = append(theirs, branch{n.Parent, part(entryOf(&n.SyncEntry), p.nodes[id] != nil)})
		}
	}
	rest, err := grow(agreed, ours)
	if err == nil && len(rest) > 0 || errors.Is(err, client.ErrProtocol) {
		return nil, nil, errWhole
	}
	if err != nil {
		return nil, nil, err
	}
	if rest, err = grow(remote, theirs); err != nil {
		return nil, nil, err
	}
	if len(conceal(remote, remote.Root, p.m.stagingPrefix())) > 0 {
		return nil, nil, errWhole
	}
	return agreed, remote, p.m.outdated(p.news, rest, func(id int64) bool { return p.nodes[id] != nil })
}
