package store

import "sluice/internal/db"

// view is a tree that is read: as it is, or as it was after a journal number.
type view struct {
	tx   *db.Tx
	ns   *db.Namespace
	past *history // nil: the present
	n    int64
}

// viewAt gives the tree as it was at a time, 0: as it is.
func viewAt(tx *db.Tx, ns *db.Namespace, at int64) (view, error) {
	v := view{tx: tx, ns: ns, n: ns.Journal}
	if at == 0 {
		return v, nil
	}
	n, err := numberAt(tx, ns, at)
	v.past, v.n = newHistory(tx, ns), n
	return v, err
}

// node finds a node of the tree (0: the root).
func (v *view) node(id int64) (*db.Node, error) {
	if v.past != nil {
		return v.past.node(id, v.n)
	}
	return newReach(v.tx, v.ns, 0).node(id)
}

// row finds a node wherever it stands; nil: it is not.
func (v *view) row(id int64) (*db.Node, error) {
	if v.past != nil {
		return v.tx.NodeAsOf(id, v.n)
	}
	return v.tx.Node(id)
}

func (v *view) child(parent int64, name []byte) (*db.Node, error) {
	if v.past != nil {
		return v.tx.ChildAsOf(parent, name, v.n)
	}
	return v.tx.Child(parent, name)
}

func (v *view) children(list []db.Node, parent int64, after []byte) ([]db.Node, error) {
	if v.past != nil {
		return v.tx.ChildrenAsOf(list, parent, after, childPage, v.n)
	}
	return v.tx.Children(list, parent, after, childPage)
}
