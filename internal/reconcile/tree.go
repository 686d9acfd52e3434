package reconcile

import "sluice/internal/proto"

// KindSet is a folder that is one thing with all it holds (a git repository's .git): its hash stands for everything below
// it, and no entry below it is in a tree. It is never on the wire.
const KindSet = proto.Kind(254)

// Facts are what a local file system says of an entry: as long as they are the same, so is the entry's content.
type Facts struct {
	Size  int64
	Mtime int64 // ns since 1970
	Ctime int64 // ns since 1970
	Ino   uint64
	Born  int64 // ns since 1970: with Ino, one entry's identity for as long as it exists; 0: the file system does not tell
}

// Entry is one name of a tree.
type Entry struct {
	ID       int64  // the server's number of the node; local entries that Match found nothing for have none, 0
	Parent   *Entry // nil: the root
	Name     string
	Children map[string]*Entry // folders only
	Kind     proto.Kind
	Hash     proto.Hash // of a file's content, or of a link's target; counts if Hashed
	Hashed   bool
	Size     int64
	Mode     uint32 // permission bits 0777
	Mtime    int64  // ns since 1970; of a folder it counts only when it is made

	Version int64 // remote and agreed: the node's version
	Facts   Facts // local and agreed

	Unknown  bool // local: could not be read (a folder: not whole); nothing is concluded from what is missing here
	Excluded bool // an ignored name, or one that cannot be kept: neither side's is touched
	Part     bool // a folder whose children are not all in the tree: what is missing below it is simply not looked at

	over bool  // local: a file that was agreed elsewhere and was moved over what had this place
	mark int32 // which node of the last Plan it is part of: one goroutine at a time plans with a tree
}

// Tree is one of the three. The entries of its part that counts hang together from the root.
type Tree struct {
	Root *Entry
	ByID map[int64]*Entry // entries with a number
}

// NewTree makes a tree of a root alone.
func NewTree(root *Entry) *Tree {
	t := &Tree{Root: root, ByID: make(map[int64]*Entry)}
	if root.ID != 0 {
		t.ByID[root.ID] = root
	}
	return t
}

// Add hangs e into the folder parent.
func (t *Tree) Add(parent, e *Entry) {
	e.Parent = parent
	if parent.Children == nil {
		parent.Children = make(map[string]*Entry)
	}
	parent.Children[e.Name] = e
	if e.ID != 0 {
		t.ByID[e.ID] = e
	}
}

// Remove takes e, with all below it, out of the tree.
func (t *Tree) Remove(e *Entry) {
	if e.Parent != nil && e.Parent.Children[e.Name] == e {
		delete(e.Parent.Children, e.Name)
	}
	t.forget(e)
}

func (t *Tree) forget(e *Entry) {
	for _, c := range e.Children {
		t.forget(c)
	}
	if e.ID != 0 && t.ByID[e.ID] == e {
		delete(t.ByID, e.ID)
	}
}

// Move gives e another place.
func (t *Tree) Move(e, parent *Entry, name string) {
	if e.Parent.Children[e.Name] == e {
		delete(e.Parent.Children, e.Name)
	}
	e.Name = name
	t.Add(parent, e)
}

// Number gives e its number, or another one.
func (t *Tree) Number(e *Entry, id int64) {
	if e.ID != 0 && t.ByID[e.ID] == e {
		delete(t.ByID, e.ID)
	}
	e.ID = id
	if id != 0 {
		t.ByID[id] = e
	}
}

// IsFolder says whether e is a folder that is looked into.
func (e *Entry) IsFolder() bool { return e.Kind == proto.KindFolder }

// Path is the path relative to the root, "" for the root itself.
func (e *Entry) Path() string {
	if e.Parent == nil {
		return ""
	}
	return string(e.AppendPath(nil))
}

// AppendPath appends the relative path to b.
func (e *Entry) AppendPath(b []byte) []byte {
	if e.Parent == nil {
		return b
	}
	if e.Parent.Parent != nil {
		b = append(e.Parent.AppendPath(b), '/')
	}
	return append(b, e.Name...)
}
