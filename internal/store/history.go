package store

import (
	"fmt"

	"sluice/internal/db"
)

// history is a namespace's tree as it was after any of its journal numbers, within one transaction. What lay below a
// deleted folder is not in it, as in the present one.
type history struct {
	tx      *db.Tx
	ns      *db.Namespace
	folders map[int64]state // the last state that was asked for
}

// state is what a folder was from a journal number on, up to another one at least.
type state struct {
	node     *db.Node // nil: it was not
	from, to int64
}

func newHistory(tx *db.Tx, ns *db.Namespace) *history {
	return &history{tx: tx, ns: ns, folders: make(map[int64]state)}
}

// numberAt gives the journal number a namespace had reached at a time, ns since 1970. ErrNotKept: so far back not all is
// known. ErrRange: that time is yet to come, and what it names would change.
func numberAt(tx *db.Tx, ns *db.Namespace, at int64) (int64, error) {
	if at > now() {
		return 0, fmt.Errorf("a time that is yet to come by the server's clock: %w", ErrRange)
	}
	m, found, err := tx.MomentAt(ns.ID, at)
	if err != nil {
		return 0, err
	}
	if !found || m.Journal < ns.Horizon {
		return 0, ErrNotKept
	}
	return m.Journal, nil
}

// folder gives a folder as it was, without asking whether it was in the tree; nil: it was not, or was no folder.
func (h *history) folder(id, n int64) (*db.Node, error) {
	if s, known := h.folders[id]; known && n >= s.from && n <= s.to {
		return s.node, nil
	}
	node, err := h.tx.NodeAsOf(id, n)
	if err != nil {
		return nil, err
	}
	if node != nil && (node.Kind != db.Folder || node.Namespace != h.ns.ID) {
		node = nil
	}
	s := state{node: node, from: n, to: n}
	if node != nil { // of what was not, nothing is known about earlier numbers
		if s.from, err = h.tx.Since(id, n); err != nil {
			return nil, err
		}
		s.from = max(s.from, node.Created)
	}
	h.folders[id] = s
	return node, nil
}

// above gives the folders from the root, not included, down to a folder. ErrNotFound: it was not in the tree.
func (h *history) above(id, n int64) ([]*db.Node, error) {
	var chain []*db.Node
	for id != h.ns.Root {
		f, err := h.folder(id, n)
		if err != nil {
			return nil, err
		}
		if f == nil || f.Parent == 0 {
			return chain, ErrNotFound
		}
		chain = append(chain, f)
		id = f.Parent
	}
	for i, k := 0, len(chain)-1; i < k; i, k = i+1, k-1 {
		chain[i], chain[k] = chain[k], chain[i]
	}
	return chain, nil
}

// node finds a node of the tree as it was by its id (0: the root).
func (h *history) node(id, n int64) (*db.Node, error) {
	if id == 0 {
		id = h.ns.Root
	}
	node, err := h.tx.NodeAsOf(id, n)
	if err != nil {
		return nil, err
	}
	if node == nil || node.Namespace != h.ns.ID {
		return nil, ErrNotFound
	}
	if node.ID != h.ns.Root {
		if _, err := h.above(node.Parent, n); err != nil {
			return nil, err
		}
	}
	return node, nil
}

// follow follows a path from a node of the tree as it was. It tells how far it came: the node, and one for each name.
func (h *history) follow(id, n int64, path []string) ([]*db.Node, error) {
	at, err := h.node(id, n)
	if err != nil {
		return nil, err
	}
	found := []*db.Node{at}
	for _, name := range path {
		if at, err = h.tx.ChildAsOf(at.ID, []byte(name), n); err != nil {
			return nil, err
		}
		if at == nil {
			break
		}
		found = append(found, at)
	}
	return found, nil
}

// path gives the names from the root down to a name in a folder. Where a folder above is not known any more it begins
// below that, and whole is false. under tells whether it lies below the folder top.
func (h *history) path(parent int64, name []byte, n, top int64) (names []string, under, whole bool, err error) {
	chain, err := h.above(parent, n)
	whole = err == nil
	if err == ErrNotFound {
		for i, k := 0, len(chain)-1; i < k; i, k = i+1, k-1 {
			chain[i], chain[k] = chain[k], chain[i]
		}
	} else if err != nil {
		return nil, false, false, err
	}
	under = top == h.ns.Root
	names = make([]string, 0, len(chain)+1)
	for _, f := range chain {
		names = append(names, string(f.Name))
		under = under || f.ID == top
	}
	return append(names, string(name)), under, whole, nil
}
