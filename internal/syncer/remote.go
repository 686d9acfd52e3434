package syncer

import (
	"fmt"
	"slices"
	"strings"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// remoteTree makes a tree of what the server listed below root. The server is not trusted: a name twice in a folder,
// a folder that is its own ancestor or a parent that was not listed is an error, as nothing may be concluded from such
// a list. (Single names were checked when they were read.)
func remoteTree(root client.Entry, entries []client.Entry) (*Node, error) {
	top := &Node{ID: root.Node, Kind: proto.KindFolder, Mode: root.Mode, Mtime: root.Mtime, Version: root.Version}
	// Entries in order of parent and name; each folder's children are then neighbours.
	order := make([]int32, len(entries))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		x, y := &entries[a], &entries[b]
		if x.Parent != y.Parent {
			if x.Parent < y.Parent {
				return -1
			}
			return 1
		}
		return strings.Compare(x.Name, y.Name)
	})
	nodes := make([]Node, len(entries))
	groups := make(map[int64][]Node)
	start := 0
	for i, at := range order {
		e := &entries[at]
		if i > 0 {
			if last := &entries[order[i-1]]; last.Parent != e.Parent {
				groups[last.Parent] = nodes[start:i]
				start = i
			} else if last.Name == e.Name {
				return nil, fmt.Errorf("the server listed the name %q twice in one folder: %w", e.Name, errHostile)
			}
		}
		nodes[i] = Node{Name: e.Name, Kind: e.Kind, Size: e.Size, Mode: e.Mode & 0o777, Mtime: e.Mtime, ID: e.Node, Version: e.Version}
		// A name like a temporary file's would be taken for a leftover here and removed.
		nodes[i].Excluded = strings.HasPrefix(e.Name, tempPrefix)
		if e.Kind != proto.KindFolder {
			nodes[i].Hash = e.Hash
			nodes[i].Hashed = true
		}
	}
	if len(order) > 0 {
		groups[entries[order[len(order)-1]].Parent] = nodes[start:]
	}
	placed := 0
	for todo := []*Node{top}; len(todo) > 0; {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		children, ok := groups[n.ID]
		if !ok {
			continue
		}
		delete(groups, n.ID) // a second folder with this number gets nothing, and the count below tells
		n.Children = children
		placed += len(children)
		for i := range children {
			children[i].Parent = n
			if children[i].IsFolder() {
				todo = append(todo, &children[i])
			}
		}
	}
	if placed != len(entries) {
		return nil, fmt.Errorf("the server listed %d names of which only %d hang together: %w", len(entries), placed, errHostile)
	}
	return top, nil
}

// errHostile is a reply that follows the protocol's form but cannot be true.
var errHostile = protocolError("the server's answer cannot be right")

type protocolError string

func (e protocolError) Error() string { return string(e) }
func (e protocolError) ExitCode() int { return client.ExitProtocol }
