package syncer

import (
	"sluice/internal/proto"
)

// kindSpecial is a local socket, pipe or device. It is never on the wire.
const kindSpecial = proto.Kind(255)

// Node is one name of a tree, local or the server's. Which fields count depends on the side.
type Node struct {
	Name     string
	Parent   *Node  // nil: the root
	Children []Node // sorted by name; folders only
	Size     int64
	Mtime    int64 // ns since 1970
	Target   string
	Hash     proto.Hash // valid if Hashed
	Mode     uint32     // permission bits 0777
	Kind     proto.Kind
	Hashed   bool
	Excluded bool // by a filter: neither read nor written nor deleted
	Unknown  bool // could not be read whole: nothing is concluded from what is missing in it
	Part     bool // a folder whose children were not all looked at

	// The server's side.
	ID      int64
	Version int64

	// The local side.
	Dev    uint64
	Ino    uint64
	Ctime  int64
	Born   int64 // ns since 1970; 0: the file system does not tell
	Copied bool  // by the server, in this push, from where it stood already
}

// Path is the node's path relative to the root, "" for the root itself.
func (n *Node) Path() string { return string(n.AppendPath(nil)) }

// AppendPath appends the node's relative path to b.
func (n *Node) AppendPath(b []byte) []byte {
	if n.Parent == nil {
		return b
	}
	if n.Parent.Parent != nil {
		b = n.Parent.AppendPath(b)
		b = append(b, '/')
	}
	return append(b, n.Name...)
}

// IsFolder says whether n is a folder.
func (n *Node) IsFolder() bool { return n.Kind == proto.KindFolder }

// count adds up what is below n, n included: names that are no folders, and their bytes.
func (n *Node) count() (files int, bytes int64) {
	if !n.IsFolder() {
		return 1, n.Size
	}
	for i := range n.Children {
		f, b := n.Children[i].count()
		files += f
		bytes += b
	}
	return files, bytes
}

// holdsNone says whether nothing lies below n; nil: there is no such folder.
func (n *Node) holdsNone() bool { return n == nil || len(n.Children) == 0 }

// names counts all names below n.
func (n *Node) names() int {
	all := len(n.Children)
	for i := range n.Children {
		all += n.Children[i].names()
	}
	return all
}

// whole says whether all below n is known, and nothing of it excluded or special, so that n may be deleted as one.
func (n *Node) whole() bool {
	if n.Excluded || n.Unknown || n.Kind == kindSpecial {
		return false
	}
	for i := range n.Children {
		if !n.Children[i].whole() {
			return false
		}
	}
	return true
}

// child finds a child by name, or nil.
func (n *Node) child(name string) *Node {
	lo, hi := 0, len(n.Children)
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if n.Children[m].Name < name {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo < len(n.Children) && n.Children[lo].Name == name {
		return &n.Children[lo]
	}
	return nil
}
