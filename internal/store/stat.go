package store

import "sluice/internal/db"

// maxPath bounds the names of one Stat.
const maxPath = maxDepth

// Stat follows a path from a node (0: the root). It tells the node itself, then one entry for each name it found: a
// missing name is a shorter answer, no error.
func (s *Store) Stat(w Who, namespace, node int64, path []string) (epoch, journal int64, found []Entry, err error) {
	return s.StatAt(w, namespace, node, 0, path)
}

// StatAt is Stat in the tree as it was at a time, ns since 1970 (0: as it is); journal is the number it had reached then.
func (s *Store) StatAt(w Who, namespace, node, at int64, path []string) (epoch, journal int64, found []Entry, err error) {
	if len(path) > maxPath {
		return 0, 0, nil, ErrRange
	}
	err = s.read(func(tx *db.Tx) error {
		ns, err := s.may(tx, w, namespace, node, needRead)
		if err != nil {
			return err
		}
		v, err := viewAt(tx, ns, at)
		if err != nil {
			return err
		}
		epoch, journal = ns.Epoch, v.n
		n, err := v.node(node)
		if err != nil {
			return err
		}
		found = append(make([]Entry, 0, 1+len(path)), toEntry(n))
		for _, name := range path {
			if n, err = v.child(n.ID, []byte(name)); err != nil || n == nil {
				return err
			}
			found = append(found, toEntry(n))
		}
		return nil
	})
	return epoch, journal, found, err
}
