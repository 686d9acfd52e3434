package mirror

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// setName is what folders are called that are sets, where a world has sets.
const setName = "e"

// setsToo makes the folders of one name sets, and looks that none ever is in a state that no user has made.
func (w *world) setsToo() {
	w.sets, w.states = []string{setName}, make(map[proto.Hash]bool)
	if !w.chance(3) {
		w.setBatch = 1 + w.rand.IntN(6)
	}
}

// TestSimulatorOfSets is TestSimulator with folders that are one thing with all they hold.
func TestSimulatorOfSets(t *testing.T) {
	simulateAll(t, schedules(1000, 50000), (*world).setsToo)
}

// mixes says whether a rename would make a folder a set, or a set a folder.
func (w *world) mixes(n *inode, from, to string) bool {
	return w.states != nil && n != nil && n.kind == proto.KindFolder && (from == setName) != (to == setName)
}

// eachSet tells of the sets of a disk: the outermost ones, or also those in others, which are none as long as they are there.
func (d *disk) eachSet(n *inode, path string, deep bool, each func(path, state string)) {
	for _, name := range slices.Sorted(maps.Keys(n.kids)) {
		k := n.kids[name]
		at := path + "/" + name
		if k.kind != proto.KindFolder || hidden(name) {
			continue
		}
		if name == setName {
			text := []string{described("", k.kind, "", k.mode, 0)}
			d.walk(k, "", func(below string, m *inode) { text = append(text, described(below, m.kind, m.data, m.mode, 0)) })
			slices.Sort(text)
			each(at, strings.Join(text, "\n"))
		}
		if name != setName || deep {
			d.eachSet(k, at, deep, each)
		}
	}
}

// eachSet is the disk's.
func (s *simServer) eachSet(folder int64, path string, deep bool, each func(path, state string)) {
	for _, id := range sorted(s.nodes) {
		n := s.nodes[id]
		at := path + "/" + n.Name
		if n.Parent != folder || n.Kind != client.KindFolder || hidden(n.Name) {
			continue
		}
		if n.Name == setName {
			text := append(s.states(n.Node, ""), described("", n.Kind, "", n.Mode, 0))
			slices.Sort(text)
			each(at, strings.Join(text, "\n"))
		}
		if n.Name != setName || deep {
			s.eachSet(id, at, deep, each)
		}
	}
}

func (s *simServer) states(id int64, path string) (all []string) {
	for _, n := range s.nodes {
		if n.Parent != id {
			continue
		}
		at := n.Name
		if path != "" {
			at = path + "/" + n.Name
		}
		all = append(all, described(at, n.Kind, s.held[n.Hash], n.Mode, 0))
		all = append(all, s.states(n.Node, at)...)
	}
	return all
}

// made notes the states that a user has given the sets of a disk; nil: somebody those of the server.
func (w *world) made(d *disk) {
	if w.states == nil {
		return
	}
	each := func(_, state string) { w.states[hashOf(state)] = true }
	if d == nil {
		w.server.eachSet(w.server.root, "", true, each)
		return
	}
	d.eachSet(d.root, "", true, each)
}

// noMixture looks that all sets of a disk (nil: of the server) are as some user made them.
func (w *world) noMixture(d *disk, after string) {
	if w.states == nil {
		return
	}
	each := func(path, state string) {
		if !w.states[hashOf(state)] {
			w.wrong("after %s: %s is a mixture:\n%s", after, path, state)
		}
	}
	if d == nil {
		w.server.eachSet(w.server.root, "server:", false, each)
		return
	}
	d.eachSet(d.root, fmt.Sprint(d.name, ":"), false, each)
}

// setsAmong are the folders that are sets, or in one.
func setsAmong(folders []string) (sets []string) {
	for _, path := range folders {
		if slices.Contains(strings.Split(path, "/"), setName) {
			sets = append(sets, path)
		}
	}
	return sets
}

// time is the time of a file as far as it is kept: times in sets are not.
func (w *world) time(path string, mtime int64) int64 {
	if w.states != nil && len(setsAmong([]string{path})) > 0 {
		return 0
	}
	return mtime
}
