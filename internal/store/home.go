package store

import "sluice/internal/db"

// Namespace is a tree of names as its reader knows it.
type Namespace struct {
	ID      int64
	Root    int64 // node
	Epoch   int64
	Journal int64 // the last number given
}

// Home gives an account's own namespace as it is now.
func (s *Store) Home(w Who) (Namespace, error) {
	var home Namespace
	err := s.read(func(tx *db.Tx) error {
		n, err := tx.Namespace(w.Namespace)
		if err != nil {
			return err
		}
		if n == nil {
			return ErrRevoked // with its account
		}
		home = Namespace{ID: n.ID, Root: n.Root, Epoch: n.Epoch, Journal: n.Journal}
		return nil
	})
	return home, err
}
