package reconcile

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

type side uint8

const (
	here side = iota
	there
)

func (s side) other() side { return 1 - s }

// fate is whether a node is to be.
type fate uint8

const (
	dead fate = iota // on neither side
	held             // nothing can be said, so nothing is done
	live             // on both sides
)

// node is one thing wherever it is: the same one in up to three trees, and what becomes of it.
type node struct {
	a     *Entry    // agreed: what its local entry was, or, if it has none, its remote one
	e     [2]*Entry // here and there; nil: not there
	moved [2]bool   // that side gave it another place than agreed

	// Two that have nothing in common but their place, and count as one from now on.
	joined bool
	ra     *Entry // then: what its remote entry was

	parent *node // with name: the place it is to have
	name   string
	from   side // whose place that is
	kids   []*node
	count  int // of kids, while they are hung

	gone   bool    // it has become part of another one
	passed bool    // its remote entry has become a twin, and with it its number
	shut   bool    // excluded, or below what is
	seen   [2]bool // unseen is known
	unseen [2]bool // missing on that side only because nobody looked
	fate   fate
	aside  bool   // its local entry gets a conflict name
	was    *Entry // then: what is remembered of the node that entry was, and is no longer
	todo   Do     // for its content: 0, Read, UpPut or DownFetch

	whyLive, whyPlace, whyContent string

	colour uint8 // see uncross

	settle [2]int // the step after which it, and all above it, has its place on that side; -1: it has
	leave  [2]int // the step after which the name it had on that side is free; -1: never
}

func (n *node) folder() bool { return n.any().IsFolder() }

// any is one of its entries.
func (n *node) any() *Entry {
	switch {
	case n.e[here] != nil:
		return n.e[here]
	case n.e[there] != nil:
		return n.e[there]
	}
	return n.a
}

// agreed is what is remembered of it alone.
func (n *node) agreed() *Entry {
	switch {
	case n.passed:
		return nil
	case n.a == nil:
		return n.ra
	}
	return n.a
}

// kinds of things that never become each other: a link may take the place of a file by a put, a folder may not.
func class(e *Entry) int {
	switch {
	case e.IsFolder():
		return 0
	case e.Kind == KindSet:
		return 1
	}
	return 2
}

// planner holds one Plan's work.
type planner struct {
	o      Options
	root   *node
	nodes  []*node
	spare  []node
	chosen map[chosen]bool // conflict names given
	tasks  []task
	needs  []need // of all tasks, one after another

	// Local entries and the server's that stand at the same place with the same content, whatever nodes they were: the same
	// one from now on. What was found in this plan makes another one necessary.
	twins, found map[*Entry]*Entry
}

type chosen struct {
	folder *node
	name   string
}

// build makes the nodes: entries of one number are one node.
func (p *planner) build(agreed, local, remote *Tree) {
	p.root = p.add(agreed.Root, local.Root, remote.Root)
	theirs := make(map[*Entry]bool, len(p.twins))
	for _, r := range p.twins {
		theirs[r] = true
	}
	for _, id := range slices.Sorted(maps.Keys(agreed.ByID)) {
		a := agreed.ByID[id]
		if a == agreed.Root {
			continue
		}
		l, r := local.ByID[id], remote.ByID[id]
		if l != nil && class(l) != class(a) {
			l = nil
		}
		if r != nil && class(r) != class(a) {
			r = nil
		}
		var gone [2]bool
		if l != nil && p.twins[l] != nil {
			l, gone[here] = nil, true
		}
		if theirs[r] {
			r, gone[there] = nil, true
		}
		if gone[there] && l == nil {
			continue // nothing is left of it, and its number is the twin's
		}
		n := p.add(a, l, r)
		n.seen, n.passed = gone, gone[there] // it is not unseen: what it was is another one
	}
	p.twin()
	p.walk(here, local.Root, false)
	p.walk(there, remote.Root, false)
}

// twin makes the nodes of twins, in the order of their places.
func (p *planner) twin() {
	list := slices.SortedFunc(maps.Keys(p.twins), func(a, b *Entry) int { return strings.Compare(a.Path(), b.Path()) })
	for _, l := range list {
		p.add(nil, l, p.twins[l])
	}
}

// of is the node of an entry; nil: it has none yet. A mark that an earlier plan left is not taken for one of this.
func (p *planner) of(e *Entry) *node {
	if int(e.mark) >= len(p.nodes) {
		return nil
	}
	if n := p.nodes[e.mark]; n.e[here] == e || n.e[there] == e || n.a == e || n.ra == e {
		return n
	}
	return nil
}

func (p *planner) add(a, l, r *Entry) *node {
	if len(p.spare) == 0 {
		p.spare = make([]node, 512) // one by one they would keep the collector busy
	}
	n := &p.spare[0]
	p.spare = p.spare[1:]
	*n = node{a: a, e: [2]*Entry{l, r}, settle: [2]int{-1, -1}, leave: [2]int{-1, -1}}
	for _, e := range [3]*Entry{a, l, r} {
		if e != nil {
			e.mark = int32(len(p.nodes))
		}
	}
	p.nodes = append(p.nodes, n)
	return n
}

// walk adds what is new on a side, and finds what is excluded.
func (p *planner) walk(s side, f *Entry, shut bool) {
	for _, c := range f.Children {
		n := p.of(c)
		if n == nil {
			e := [2]*Entry{}
			e[s] = c
			n = p.add(nil, e[here], e[there])
		}
		below := shut || c.Excluded
		n.shut = n.shut || below || c.Unknown && !c.IsFolder()
		p.walk(s, c, below)
	}
}

// hang makes every node one of the kids of the folder it is to be in, by name.
func (p *planner) hang() {
	for _, n := range p.nodes {
		n.count = 0
	}
	for _, n := range p.nodes {
		if n.parent != nil {
			n.parent.count++
		}
	}
	room := make([]*node, len(p.nodes))
	for _, n := range p.nodes {
		n.kids, room = room[:0:n.count], room[n.count:]
	}
	for _, n := range p.nodes {
		if n.parent != nil {
			n.parent.kids = append(n.parent.kids, n)
		}
	}
	for _, n := range p.nodes {
		sortKids(n.kids)
	}
}

func sortKids(kids []*node) {
	slices.SortFunc(kids, func(a, b *node) int {
		return cmp.Or(strings.Compare(a.name, b.name), cmp.Compare(a.from, b.from), cmp.Compare(a.any().ID, b.any().ID))
	})
}

// isMissing says whether what a side lacks is known to be gone from there, or new on the other; if not it is unseen.
func (p *planner) isUnseen(n *node, s side) bool {
	if n.e[s] != nil || n.parent == nil {
		return false
	}
	if n.seen[s] {
		return n.unseen[s]
	}
	folder := n.parent
	if n.a != nil {
		folder = p.of(n.a.Parent)
	}
	f := folder.e[s]
	switch {
	case f == nil:
		n.unseen[s] = p.isUnseen(folder, s)
	case f.Unknown || f.Part || f.Excluded || folder.shut:
		n.unseen[s] = true
	default:
		other := f.Children[n.name]
		if n.a != nil {
			other = f.Children[n.a.Name]
		}
		n.unseen[s] = other != nil && (other.Excluded || other.Unknown)
	}
	n.seen[s] = true
	return n.unseen[s]
}
