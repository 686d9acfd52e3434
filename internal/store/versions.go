package store

import (
	"math"
	"slices"

	"sluice/internal/db"
)

// Version is a content that a name has or had.
type Version struct {
	Entry                // as it is, or was when it ended
	Made   int64         // when the version came, ns since 1970; as of that time it is found
	By     string        // the device that made it; empty: not known
	Until  int64         // the journal number that ended it; 0: it is the present one
	Ended  int64         // when, ns since 1970
	How    VersionEnding // how
	Ending string        // the device that ended it
}

// VersionEnding says how a version ended.
type VersionEnding uint8

const (
	Standing VersionEnding = iota // it has not
	Replaced                      // by another content
	Deleted                       // with its name, or a folder above
)

// maxFolders bounds the folders that ever stood at a path.
const maxFolders = 100

// Versions tells what is kept of a node, or of what ever stood at a path (from the root), the latest first: from the one
// that ended with the number before on (not included; 0: from the present one). It ends when add says that the page is
// full; then there is more. ErrNotFound: nothing is known of it.
func (s *Store) Versions(w Who, namespace, node int64, path []string, before int64, add func(Version) bool) (epoch, journal int64, more bool, err error) {
	err = s.read(func(tx *db.Tx) error {
		ns, err := s.may(tx, w, namespace, node, needRead)
		if err != nil {
			return err
		}
		epoch, journal = ns.Epoch, ns.Journal
		v := versions{tx: tx, ns: ns, reach: newReach(tx, ns, 0), devices: newDevices(tx)}
		if node != 0 || len(path) == 0 {
			if node == 0 {
				node = ns.Root
			}
			err = v.of(node, before)
		} else {
			err = v.at(path, before)
		}
		if err != nil {
			return err
		}
		if before == 0 && len(v.list) == 0 {
			return ErrNotFound
		}
		slices.SortFunc(v.list, func(a, b Version) int {
			switch {
			case a.key() > b.key():
				return -1
			case a.key() < b.key():
				return 1
			}
			return 0
		})
		for i, one := range v.list {
			if i >= childPage { // of each node so many were read, so up to here all are told
				more = true
				break
			}
			if err := v.complete(&one); err != nil {
				return err
			}
			if !add(one) {
				more = true
				break
			}
		}
		return nil
	})
	return epoch, journal, more, err
}

// key orders versions: the present one is the latest.
func (v *Version) key() int64 {
	if v.Until == 0 {
		return math.MaxInt64
	}
	return v.Until
}

// versions gathers them.
type versions struct {
	tx      *db.Tx
	ns      *db.Namespace
	reach   *reach
	devices *devices
	list    []Version
}

// of gathers the versions of one node.
func (v *versions) of(node, before int64) error {
	now, err := v.tx.Node(node)
	if err != nil {
		return err
	}
	if now != nil && now.Namespace == v.ns.ID {
		if err := v.standing(now, before); err != nil {
			return err
		}
	}
	if before == 0 {
		before = math.MaxInt64
	}
	past, err := v.tx.VersionsOf(node, before, childPage+1)
	for i := range past {
		p := &past[i]
		if p.Namespace != v.ns.ID {
			continue
		}
		one := Version{Entry: toEntry(&p.Node), Until: p.Until, Ended: p.At, How: Replaced}
		if p.Ended == db.Deleted {
			one.How = Deleted
		}
		if one.Ending, err = v.devices.name(p.Device); err != nil {
			return err
		}
		v.list = append(v.list, one)
	}
	return err
}

// standing adds a node's row: the present version, or one that has gone with a folder above.
func (v *versions) standing(n *db.Node, before int64) error {
	one := Version{Entry: toEntry(n)}
	end, err := v.goneWith(n)
	if err != nil {
		return err
	}
	switch {
	case end == nil && before != 0:
		return nil
	case end != nil && (end.Ended != db.Deleted || before != 0 && end.Until >= before):
		return nil
	case end != nil:
		one.Until, one.Ended, one.How = end.Until, end.At, Deleted
		if one.Ending, err = v.devices.name(end.Device); err != nil {
			return err
		}
	}
	v.list = append(v.list, one)
	return nil
}

// goneWith gives the end of the folder with which a node went; nil: it stands.
func (v *versions) goneWith(n *db.Node) (*db.Past, error) {
	for at := n.Parent; at != 0; {
		parent, _, _, found, err := v.tx.Above(at)
		if err != nil {
			return nil, err
		}
		if !found {
			return v.tx.LastEnd(at)
		}
		at = parent
	}
	return nil, nil
}

// at gathers the versions of what stands at a path, wherever it stood before, and of all else that ever stood there.
func (v *versions) at(path []string, before int64) error {
	folders := []int64{v.ns.Root}
	for _, name := range path[:len(path)-1] {
		var next []int64
		for _, f := range folders {
			nodes, err := v.stood(f, name)
			if err != nil {
				return err
			}
			next = append(next, nodes...)
		}
		slices.Sort(next)
		next = slices.Compact(next)
		folders = next[:min(len(next), maxFolders)]
	}
	name := path[len(path)-1]
	var nodes, standing []int64
	for _, f := range folders {
		found, err := v.stood(f, name)
		if err != nil {
			return err
		}
		nodes = append(nodes, found...)
		if v.reach.folder(f) != nil {
			continue
		}
		now, err := v.tx.Child(f, []byte(name))
		if err != nil {
			return err
		}
		if now != nil {
			standing = append(standing, now.ID)
		}
	}
	slices.Sort(nodes)
	for _, n := range slices.Compact(nodes) {
		from := len(v.list)
		if err := v.of(n, before); err != nil {
			return err
		}
		if !slices.Contains(standing, n) { // of others only what stood here
			v.list = append(v.list[:from], slices.DeleteFunc(v.list[from:], func(one Version) bool {
				return one.Name != name || !slices.Contains(folders, one.Parent)
			})...)
		}
	}
	return nil
}

// stood lists the nodes that stand or stood under a name in a folder.
func (v *versions) stood(folder int64, name string) ([]int64, error) {
	nodes, err := v.tx.StoodAt(folder, []byte(name), childPage)
	if err != nil {
		return nil, err
	}
	now, err := v.tx.Child(folder, []byte(name))
	if err == nil && now != nil {
		nodes = append(nodes, now.ID)
	}
	return nodes, err
}

// complete looks up when a version was made, and by whom.
func (v *versions) complete(one *Version) error {
	m, found, err := v.tx.MomentOf(v.ns.ID, one.Version)
	if err != nil || !found {
		return err
	}
	one.Made = m.At
	one.By, err = v.devices.name(m.Device)
	return err
}
