package store

import "sluice/internal/db"

// maxPath bounds the names of one Stat.
const maxPath = maxDepth

// Stat follows a path from a node (0: the root). It tells the node itself, then one entry for each name it found: a
// missing name is a shorter answer, no error.
func (s *Store) Stat(w Who, namespace, node int64, path []string) (epoch, journal int64, found []Entry, err error) {
	if len(path) > maxPath {
		return 0, 0, nil, ErrRange
	}
	err = s.read(func(tx *db.Tx) error {
		ns, err := s.may(tx, w, namespace, node, needRead)
		if err != nil {
			return err
		}
		epoch, journal = ns.Epoch, ns.Journal
		at, err := newReach(tx, ns, 0).node(node)
		if err != nil {
			return err
		}
		found = append(make([]Entry, 0, 1+len(path)), toEntry(at))
		for _, name := range path {
			if at, err = tx.Child(at.ID, []byte(name)); err != nil || at == nil {
				return err
			}
			found = append(found, toEntry(at))
		}
		return nil
	})
	return epoch, journal, found, err
}
