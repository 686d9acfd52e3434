package store

import (
	"errors"
	"fmt"
	"strings"

	"sluice/internal/db"
)

// Kind is what a name stands for.
type Kind uint8

const (
	KindFile   Kind = db.File
	KindFolder Kind = db.Folder
	KindLink   Kind = db.Link // its content is the target, never followed
)

// Entry is a name as List, Stat and Changes tell it.
type Entry struct {
	Node    int64
	Parent  int64 // 0: the root
	Name    string
	Kind    Kind
	Size    int64
	Mode    uint32
	Mtime   int64
	Version int64
	Hash    [32]byte // files and links
	Deleted bool     // Changes only: node and version (the number of the delete) alone count
}

func toEntry(n *db.Node) Entry {
	return Entry{
		Node: n.ID, Parent: n.Parent, Name: string(n.Name), Kind: Kind(n.Kind), Size: n.Size, Mode: n.Mode,
		Mtime: n.Mtime, Version: n.Version, Hash: n.Hash,
	}
}

// maxName is what file systems allow.
const maxName = 255

// checkName refuses what cannot be a name. The wire has refused it already; a tree must not hold it whoever asks.
func checkName(name string) error {
	if name == "" || name == "." || name == ".." || len(name) > maxName || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("name %q: %w", name, ErrRange)
	}
	return nil
}

// maxDepth bounds how far a commit climbs from a folder to the root: it does so while all other writers wait. A path of
// 4,096 bytes, the most Linux takes, has half as many names. From there a commit can go deeper only by its own folders.
const maxDepth = 4096

// reach knows which folders of a namespace stand in its tree. What lies below a deleted folder keeps its rows but is
// not found by anyone; only the chain of parents tells. Good for one transaction, and until a folder moves or goes.
type reach struct {
	tx       *db.Tx
	ns       *db.Namespace
	maxDepth int            // 0: no bound
	folders  map[int64]bool // known to end at the root (true) or not
	chain    []int64        // space for climb
}

func newReach(tx *db.Tx, ns *db.Namespace, maxDepth int) *reach {
	r := &reach{tx: tx, ns: ns, maxDepth: maxDepth, folders: make(map[int64]bool)}
	r.forget()
	return r
}

// forget is called when a folder has moved or gone.
func (r *reach) forget() {
	clear(r.folders)
	r.folders[r.ns.Root] = true
}

// folder says nil if id is a folder in the tree, else ErrNotFound or ErrNotFolder.
func (r *reach) folder(id int64) error {
	good, known := r.folders[id]
	if !known {
		var err error
		if good, err = r.climb(id); err != nil {
			return err
		}
	}
	if !good {
		return ErrNotFound
	}
	return nil
}

// climb follows the chain of parents to the root or its loose end, and remembers all it has passed.
func (r *reach) climb(id int64) (good bool, err error) {
	r.chain = r.chain[:0]
	for at := id; ; {
		known, ok := r.folders[at]
		if ok {
			good = known
			break
		}
		if r.maxDepth > 0 && len(r.chain) >= r.maxDepth {
			return false, fmt.Errorf("more than %d folders deep: %w", r.maxDepth, ErrRange)
		}
		parent, kind, namespace, found, err := r.tx.Above(at)
		if err != nil {
			return false, err
		}
		if !found || namespace != r.ns.ID || parent == 0 { // another namespace's root is not ours either
			break
		}
		if kind != db.Folder { // only id itself can be one
			if err := r.folder(parent); err != nil {
				return false, err
			}
			return false, ErrNotFolder
		}
		r.chain = append(r.chain, at)
		at = parent
	}
	for _, at := range r.chain {
		r.folders[at] = good
	}
	return good, nil
}

// under tells whether the folder id is top or lies below it. Both are in the tree.
func (r *reach) under(id, top int64) (bool, error) {
	for id != 0 {
		if id == top {
			return true, nil
		}
		parent, _, _, found, err := r.tx.Above(id)
		if err != nil || !found {
			return false, err
		}
		id = parent
	}
	return false, nil
}

// node finds a node of the tree by its id (0: the root).
func (r *reach) node(id int64) (*db.Node, error) {
	if id == 0 {
		id = r.ns.Root
	}
	n, err := r.tx.Node(id)
	if err != nil {
		return nil, err
	}
	if n == nil || n.Namespace != r.ns.ID {
		return nil, ErrNotFound
	}
	if n.ID == r.ns.Root {
		return n, nil
	}
	if err := r.folder(n.Parent); err != nil {
		if errors.Is(err, ErrNotFolder) {
			return nil, fmt.Errorf("BUG: node %d lies in node %d, which is no folder", n.ID, n.Parent)
		}
		return nil, err
	}
	return n, nil
}
