package client

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"sluice/internal/proto"
)

// edit does one random thing to the tree.
func (n *tree) edit(r *rand.Rand) {
	var all, folders []int64
	for id := range n.journal + 3000 { // in order, so that a seed tells all
		if e, found := n.nodes[id]; found {
			all = append(all, id)
			if e.Kind == KindFolder {
				folders = append(folders, id)
			}
		}
	}
	parent := append(folders, 1)[r.IntN(len(folders)+1)]
	name := fmt.Sprint("n", n.journal)
	pick := func() int64 { return all[r.IntN(len(all))] }
	switch what := r.IntN(7); {
	case what < 2 || len(all) == 0:
		n.put(2000+n.journal, parent, name, []Kind{KindFile, KindFolder}[r.IntN(2)])
	case what == 2:
		n.remove(pick()) // what lies below it is out of reach, as on a server
	case what == 3:
		e := n.nodes[pick()]
		n.put(e.Node, e.Parent, e.Name, e.Kind) // another content
	default:
		e := n.nodes[pick()]
		for at := parent; at != 0; at = n.nodes[at].Parent {
			if at == e.Node {
				return
			}
		}
		n.put(e.Node, parent, name, e.Kind)
	}
}

// An older listing with what changed since is what a new one is, whatever has changed, before and meanwhile.
func TestListSince(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 3))
		n := newTree(1 + r.IntN(40))
		for range r.IntN(40) {
			n.edit(r)
		}
		s := newServer(t)
		n.on(s)
		remote := s.dial(Options{Connections: 1})
		top := int64(1)
		old, err := remote.ListAll(soon(t), top)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			n.mu.Lock()
			for range r.IntN(15) {
				n.edit(r)
			}
			for range r.IntN(3) {
				n.between = append(n.between, func() { n.edit(r) })
			}
			n.mu.Unlock()
			now, err := remote.ListSince(soon(t), top, old)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			n.mu.Lock()
			moved := now.Journal != n.journal // a list with hooks left: they run on the next page
			n.mu.Unlock()
			if got, want := shape(t, top, now.Entries), n.shape(t, top, true); got != want && !moved {
				t.Fatalf("seed %d: at %d\n%s\nwant\n%s", seed, now.Journal, got, want)
			}
			old = now
		}
		s.stop()
	}
}

// Another history, or too much news, is listed anew.
func TestListSinceAnew(t *testing.T) {
	s := newServer(t)
	n := newTree(1000)
	n.fill()
	n.on(s)
	r := s.dial(Options{})
	old, err := r.ListAll(soon(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(){
		"another epoch": func() { n.epoch++ },
		"too much news": func() {
			for i := range int64(newsPages * 1000 * 2) {
				n.put(100_000+i, 1, fmt.Sprint("f", i), KindFile)
			}
		},
	} {
		n.mu.Lock()
		change()
		n.mu.Unlock()
		lists := s.count(proto.TypeList)
		now, err := r.ListSince(soon(t), 1, old)
		if err != nil || s.count(proto.TypeList) == lists || shape(t, 1, now.Entries) != n.shape(t, 1, true) {
			t.Errorf("%s: %v, %d lists", name, err, s.count(proto.TypeList)-lists)
		}
		old = now
	}
}
