package store

import "sluice/internal/db"

// need is what a request wants to do with a node.
type need uint8

const (
	needRead need = 1 + iota
	needWrite
)

// may is the one function that says who may do what: it answers the namespace (0: w's home) if w may do it with the node
// (0: any), and ErrNotFound if w may not even know. Every request type that names a namespace asks it.
//
// An account may do everything in the namespaces it owns and nothing elsewhere; groups and shares will answer here too,
// which is what node and need are for.
func (s *Store) may(tx *db.Tx, w Who, namespace, node int64, need need) (*db.Namespace, error) {
	if namespace == 0 {
		namespace = w.Namespace
	}
	ns, err := tx.Namespace(namespace)
	if err != nil {
		return nil, err
	}
	if ns == nil || w.Account == 0 || ns.Owner != w.Account {
		return nil, ErrNotFound
	}
	return ns, nil
}
