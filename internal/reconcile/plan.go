package reconcile

import "maps"

// TempPrefix begins the names that two that exchange places have for a moment, followed by the number of their node, in
// the root. They are names like any others, so that what a crash leaves there is found again; nobody is taken to want it
// there.
const TempPrefix = ".sluice-swap-"

// Options are what the plan's words need.
type Options struct {
	Device string // this device's name
	Date   string // today, like 2026-11-22: a label and nothing else
}

// Plan says what has to be done so that both sides become the same. Entries of local have their numbers by Match; a
// remote entry is in the tree only with all above it. The steps are in an order in which they can be carried out: each
// one finds the folder it needs made and the name it needs free. What is impossible as long as something is left alone
// (an unreadable file in the way) is left out.
//
// If there are steps to Read, these are to be done first and a new plan made with what they tell.
func Plan(agreed, local, remote *Tree, o Options) []Step {
	twins := make(map[*Entry]*Entry)
	for {
		p := &planner{o: o, chosen: make(map[chosen]bool), twins: twins}
		p.build(agreed, local, remote)
		p.places()
		p.join(p.root)
		if p.contents(p.root) {
			p.hang()
		}
		p.live(p.root, [2]bool{})
		p.collide(p.root)
		if len(p.found) == 0 {
			p.tasks = make([]task, 0, p.alone())
			p.emit(p.root)
			return p.order()
		}
		maps.Copy(twins, p.found)
	}
}
