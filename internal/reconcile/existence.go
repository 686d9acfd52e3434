package reconcile

// live decides of n and all below whether it is to be. kept says of each side that the folder has been kept with all that
// it holds there.
func (p *planner) live(n *node, kept [2]bool) {
	n.fate = p.ownFate(n, &kept)
	for _, k := range n.kids {
		p.live(k, kept)
		if k.fate == live && n.fate == dead && n.any() != nil {
			n.fate, n.whyLive = live, "it holds "+quote(k.name)+", which stays"
		}
	}
	for _, k := range n.kids {
		if k.fate == held && n.fate == dead {
			n.fate = held
		}
	}
}

func (p *planner) ownFate(n *node, kept *[2]bool) fate {
	l, r := n.e[here], n.e[there]
	switch {
	case n.shut:
		return held
	case l != nil && r != nil:
		*kept = [2]bool{}
		if l.Unknown || r.Unknown {
			return held
		}
		return live
	case l == nil && r == nil:
		if p.isUnseen(n, here) || p.isUnseen(n, there) {
			return held
		}
		return dead
	}
	s := here
	if l == nil {
		s = there
	}
	*kept = [2]bool{here: kept[here] && s == here, there: kept[there] && s == there}
	return p.lonely(n, s, kept)
}

// lonely is the fate of what is on side s alone.
func (p *planner) lonely(n *node, s side, kept *[2]bool) fate {
	e := n.e[s]
	where := [2]string{"here", "on the server"}
	switch {
	case p.isUnseen(n, s.other()), e.Unknown:
		return held
	case n.whyLive != "":
		return live
	case n.a == nil:
		n.whyLive = "it is new " + where[s]
		return live
	case n.moved[s]:
		kept[s] = true
		n.whyLive = "it was deleted " + where[s.other()] + ", but moved " + where[s] + ": it stays"
		return live
	case kept[s]:
		n.whyLive = "its folder was deleted " + where[s.other()] + ", but moved " + where[s] + ": it stays, with all it holds"
		return live
	case e.IsFolder() && e.Part:
		return held // what else it holds nobody has looked at
	case e.IsFolder():
		return dead
	}
	switch edited(e, n.a) {
	case yes:
		n.whyLive = "it was deleted " + where[s.other()] + ", but changed " + where[s] + ": an edit beats a delete"
		return live
	case maybe:
		n.todo, n.whyContent = Read, "it was deleted on the server: its content says whether it was changed here and stays"
		return held
	}
	return dead
}
