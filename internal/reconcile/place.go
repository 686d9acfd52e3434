package reconcile

import (
	"slices"
	"strings"
)

// places chooses the place of each node: that of the side that moved it; if both did, the server's.
func (p *planner) places() {
	for _, n := range p.nodes {
		if n != p.root {
			p.place(n)
		}
	}
	p.uncross()
	p.hang()
}

func (p *planner) place(n *node) {
	if n.a != nil {
		for s, e := range n.e {
			n.moved[s] = e != nil && !p.temporary(e) && (e.Name != n.a.Name || p.of(e.Parent) != p.of(n.a.Parent))
		}
	}
	l, r := n.e[here], n.e[there]
	switch {
	case l == nil && r == nil:
		n.parent, n.name = p.of(n.a.Parent), n.a.Name
	case r == nil:
		p.placeBy(n, here)
	case l == nil:
		p.placeBy(n, there)
	case n.moved[there] && n.moved[here] && !p.samePlace(l, r):
		p.placeBy(n, there)
		n.whyPlace = "it was moved on both sides: the place it has on the server counts"
	case n.moved[here], p.temporary(r):
		p.placeBy(n, here)
		n.whyPlace = "it was moved here"
	default:
		p.placeBy(n, there)
		n.whyPlace = "it was moved on the server"
	}
}

func (p *planner) placeBy(n *node, s side) {
	n.parent, n.name, n.from = p.of(n.e[s].Parent), n.e[s].Name, s
}

func (p *planner) samePlace(l, r *Entry) bool {
	return l.Name == r.Name && p.of(l.Parent) == p.of(r.Parent)
}

// inPlace says whether n has the place it is to have.
func (p *planner) inPlace(n *node, s side) bool {
	return n.e[s].Name == n.name && p.of(n.e[s].Parent) == n.parent
}

// temporary says whether e was left behind in the middle of an exchange of names: nobody wanted it there.
func (p *planner) temporary(e *Entry) bool {
	return e.Parent != nil && e.Parent.Parent == nil && strings.HasPrefix(e.Name, TempPrefix)
}

// uncross finds folders that would lie below themselves, because one side moved x into y and the other y into x. Each
// side's own tree is one: the places such folders have on the server are taken.
func (p *planner) uncross() {
	const white, grey, black = 0, 1, 2
	p.root.colour = black
	var path []*node
	for _, start := range p.nodes {
		for start.colour != black {
			path = path[:0]
			n := start
			for n.colour == white {
				n.colour = grey
				path = append(path, n)
				n = n.parent
			}
			end := uint8(black)
			if n.colour == grey {
				end = white
				for m := n; ; {
					next := m.parent
					if m.from == here && m.e[there] != nil {
						p.placeBy(m, there)
						m.whyPlace = "it would lie below itself: the place it has on the server counts"
					}
					if m = next; m == n {
						break
					}
				}
			}
			for _, m := range path {
				m.colour = end
			}
		}
	}
}

// join makes one of two that have the same place and of which each is missing on the other side: new on both, or
// deleted and made anew on one.
func (p *planner) join(n *node) {
	for i := 0; i+1 < len(n.kids); i++ {
		for j := i + 1; j < len(n.kids) && n.kids[j].name == n.kids[i].name; j++ {
			if x, y := p.rivals(n.kids[i], n.kids[j]); x != nil && p.canJoin(x, y) {
				p.joinTwo(x, y)
			}
		}
	}
	n.kids = slices.DeleteFunc(n.kids, func(k *node) bool { return k.gone })
	for _, k := range n.kids {
		if len(k.kids) > 0 {
			p.join(k)
		}
	}
}

// rivals tells the one of two nodes that has their place here, and the one that has it on the server.
func (p *planner) rivals(a, b *node) (x, y *node) {
	for _, pair := range [2][2]*node{{a, b}, {b, a}} {
		x, y = pair[0], pair[1]
		if x.e[here] != nil && x.from == here && y.e[there] != nil && y.from == there && p.inPlace(x, here) && p.inPlace(y, there) {
			return x, y
		}
	}
	return nil, nil
}

func (p *planner) canJoin(x, y *node) bool {
	return x.e[there] == nil && y.e[here] == nil && !x.shut && !y.shut && class(x.e[here]) == class(y.e[there]) &&
		!p.isUnseen(x, there) && !p.isUnseen(y, here)
}

func (p *planner) joinTwo(x, y *node) {
	x.joined, x.ra, x.e[there] = true, y.a, y.e[there]
	y.e[there].mark = x.e[here].mark
	if y.a != nil {
		y.a.mark = x.e[here].mark
	}
	for _, k := range y.kids {
		k.parent = x
	}
	x.kids = append(x.kids, y.kids...)
	sortKids(x.kids)
	*y = node{gone: true, name: y.name}
}
