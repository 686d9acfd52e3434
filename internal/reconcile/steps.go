package reconcile

import "sluice/internal/proto"

// The order of a plan, as far as names do not ask for another: what is done for one step's sake is done before it.
const (
	phaseAgree uint8 = iota
	phaseRead
	phaseAside
	phaseNames    // folders made, moves
	phaseContents // fetches, puts
	phaseSets
	phaseDeletes // deepest first
	phaseFolders // modes of folders here, deepest first: one that may no longer be written to is filled by then
	phaseForget  // deepest first: as little as possible is remembered without its folder
	phases
)

// deepestFirst says whether the last tasks of a phase, which are made parents first, come first.
func deepestFirst(phase uint8) bool {
	return phase == phaseForget || phase == phaseDeletes || phase == phaseFolders
}

// alone is how many nodes are on one side only: a first sync has a step for each.
func (p *planner) alone() (count int) {
	for _, n := range p.nodes {
		if (n.e[here] == nil) != (n.e[there] == nil) {
			count++
		}
	}
	return count
}

// emit makes the steps of n and all below, parents first.
func (p *planner) emit(n *node) {
	if n != p.root {
		for s := range n.settle {
			n.settle[s] = n.parent.settle[s]
		}
	}
	before := len(p.tasks)
	switch {
	case n.todo == Read:
		p.task(n, here, phaseRead, Step{Do: Read, Why: n.whyContent})
	case n == p.root || n.fate == held:
	case n.fate == dead:
		p.remove(n)
	default:
		if n.joined && n.folder() {
			// What is put into it needs its number, whatever is still to be done about its mode.
			p.task(n, here, phaseAgree, Step{Do: Agree, Why: "it is a folder here and on the server: what both hold comes together"})
		}
		p.names(n)
		if n.e[here] != nil && n.e[there] != nil {
			p.fill(n)
		}
	}
	if len(p.tasks) == before && (n == p.root || n.fate == live) && n.e[here] != nil && n.e[there] != nil && !remembered(n) {
		p.task(n, here, phaseAgree, Step{Do: Agree, Why: "it is the same here and on the server"})
	}
	for _, k := range n.kids {
		p.emit(k)
	}
}

func (p *planner) remove(n *node) {
	switch {
	case n.e[here] != nil:
		n.leave[here] = p.task(n, here, phaseDeletes, Step{Do: DownDelete, Why: "it was deleted on the server and not changed here"})
	case n.e[there] != nil:
		n.leave[there] = p.task(n, there, phaseDeletes, Step{Do: UpDelete, Why: "it was deleted here and not changed on the server"})
	case n.a != nil:
		p.task(n, here, phaseForget, Step{Do: Forget, Why: "it is gone here and on the server"})
	}
}

// names makes n on the side that lacks it, and moves it where its place is another one.
func (p *planner) names(n *node) {
	l, r := n.e[here], n.e[there]
	switch {
	case n.aside:
		n.leave[here] = p.task(n, here, phaseAside, Step{Do: Aside, Name: n.name, Why: n.whyPlace})
		n.settle[here] = n.leave[here]
	case l == nil && r.IsFolder():
		n.settle[here] = p.task(n, here, phaseNames, Step{Do: DownMkdir, Why: n.whyLive})
		if r.Mode&0o700 != 0o700 {
			p.task(n, here, phaseFolders, Step{Do: DownSet, Why: "its owner may not write to it: that comes when it is filled"})
		}
	case l == nil:
		n.settle[here] = p.task(n, here, phaseContents, Step{Do: DownFetch, Why: n.whyLive})
	case !p.inPlace(n, here):
		n.leave[here] = p.task(n, here, phaseNames, Step{Do: DownMove, Why: n.whyPlace})
		n.settle[here] = n.leave[here]
	}
	switch {
	case r == nil && l.IsFolder():
		n.settle[there] = p.task(n, there, phaseNames, Step{Do: UpMkdir, Why: n.whyLive})
	case r == nil:
		n.settle[there] = p.task(n, there, phaseContents, Step{Do: UpPut, Why: n.whyLive})
	case !p.inPlace(n, there):
		n.leave[there] = p.task(n, there, phaseNames, Step{Do: UpMove, Why: n.whyPlace})
		n.settle[there] = n.leave[there]
	}
}

// fill deals with content, mode and time of what is on both sides. Mode and time go with a content.
func (p *planner) fill(n *node) {
	switch n.todo {
	case UpPut:
		p.task(n, there, phaseContents, Step{Do: UpPut, Why: n.whyContent})
		return
	case DownFetch:
		p.task(n, here, phaseContents, Step{Do: DownFetch, Why: n.whyContent})
		return
	}
	l, r := n.e[here], n.e[there]
	if sameMeta(l, r) {
		return
	}
	up := phaseSets
	down := phaseSets
	if n.folder() {
		down = phaseFolders
	}
	switch mine, theirs := localMeta(l, n.a), n.a == nil || n.joined || !sameMeta(n.a, r); {
	case mine && !theirs:
		p.task(n, there, up, Step{Do: UpSet, Why: "its mode or time was changed here only"})
	case theirs && !mine:
		p.task(n, here, down, Step{Do: DownSet, Why: "its mode or time was changed on the server only"})
	case theirs:
		p.task(n, here, down, Step{Do: DownSet, Why: "its mode or time is another one on both sides: the server's counts"})
	}
}

// sameMeta compares what counts: of a folder the mode, of a link the time, of a set nothing.
func sameMeta(a, b *Entry) bool {
	return sameMode(a, b) && (a.IsFolder() || a.Kind == KindSet || a.Mtime == b.Mtime)
}

func sameMode(a, b *Entry) bool {
	return a.Mode == b.Mode || a.Kind == KindSet || a.Kind == proto.KindLink
}

// localMeta says whether mode or time were changed here. A file system may keep a time less precisely than it was told:
// what it made of it then is among the facts, and is no change.
func localMeta(l, a *Entry) bool {
	if a == nil || !sameMode(l, a) {
		return true
	}
	if l.IsFolder() || l.Kind == KindSet || l.Mtime == a.Mtime {
		return false
	}
	return a.Facts.Ino == 0 || l.Facts.Mtime != a.Facts.Mtime
}

// remembered says whether what both sides are is what is agreed, facts and all.
func remembered(n *node) bool {
	a, l, r := n.a, n.e[here], n.e[there]
	if a == nil || n.joined || n.moved[here] || n.moved[there] || a.Version != r.Version || a.Kind != r.Kind {
		return false
	}
	if l.IsFolder() {
		return a.Mode == r.Mode && l.Facts.Ino == a.Facts.Ino && l.Facts.Born == a.Facts.Born
	}
	return a.Hash == r.Hash && a.Mode == r.Mode && a.Mtime == r.Mtime && a.Size == r.Size && (l.Facts == a.Facts || l.Kind == KindSet)
}
