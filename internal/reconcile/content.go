package reconcile

import "sluice/internal/proto"

// answer is what can be said without reading a file.
type answer uint8

const (
	no answer = iota
	maybe
	yes
)

// edited says whether e's content is another one than a's was; a nil: it is new. A file that was moved here over another one is
// wanted here, also where both were equal: its own name is gone.
func edited(e, a *Entry) answer {
	switch {
	case a == nil || e.over || e.Kind != a.Kind || e.Kind == proto.KindFile && e.Size != a.Size:
		return yes
	case !e.Hashed || !a.Hashed:
		return maybe
	case e.Hash != a.Hash:
		return yes
	}
	return no
}

// equal says whether the contents of both are the same one.
func equal(l, r *Entry) answer {
	switch {
	case l.Kind != r.Kind || l.Kind == proto.KindFile && l.Size != r.Size:
		return no
	case !l.Hashed || !r.Hashed:
		return maybe
	case l.Hash != r.Hash:
		return no
	}
	return yes
}

// contents decides for all that are on both sides whose content counts. It says whether there were conflicts: these
// become two nodes, the server's and a new one.
func (p *planner) contents(n *node) (conflicts bool) {
	for _, k := range n.kids {
		if k.e[here] != nil && k.e[there] != nil && !k.shut && !k.folder() && p.content(k) {
			p.part(k)
			conflicts = true
		}
		if len(k.kids) > 0 && p.contents(k) {
			conflicts = true
		}
	}
	return conflicts
}

func (p *planner) content(n *node) (conflict bool) {
	l, r := n.e[here], n.e[there]
	same := equal(l, r)
	if same == yes {
		return false
	}
	mine, theirs := edited(l, n.a), edited(r, n.a)
	if n.joined {
		// What stands on the server is another thing, and one that was moved here was wanted.
		theirs = yes
		if n.moved[here] {
			mine = yes
		}
	}
	switch {
	case theirs == no:
		n.todo, n.whyContent = UpPut, "it was changed here only"
	case mine == no && n.joined:
		n.todo, n.whyContent = DownFetch, "it was replaced on the server and not changed here"
	case mine == no:
		n.todo, n.whyContent = DownFetch, "it was changed on the server only"
	case mine == maybe || same == maybe:
		n.todo, n.whyContent = Read, "it was changed on the server, and perhaps here: its content says whether that is a conflict"
		if n.a == nil {
			n.whyContent = "it is new here and on the server: its content says whether that is a conflict"
		}
	default:
		return !p.same(n)
	}
	return false
}

// part makes two of a node that was changed on both sides: the server's keeps place and name, the local one is new.
func (p *planner) part(n *node) {
	why := "it was changed here and on the server: the server's keeps the name, this one is kept beside it"
	if n.a == nil || n.joined {
		why = "two different ones have this name: the server's keeps it, this one is kept beside it"
	}
	l := n.e[here]
	mine := p.add(nil, l, nil)
	p.placeBy(mine, here)
	mine.was, mine.whyLive = n.a, "it is this device's version of a conflict"
	mine.seen[there] = true
	p.setAside(mine, why)

	n.e[here], n.moved[here], n.seen[here] = nil, false, true
	if n.joined {
		n.joined, n.a = false, n.ra
	}
	p.placeBy(n, there)
	n.whyLive = "it is the server's version of a conflict"
}
