package syncer

import (
	"context"

	"sluice/internal/client"
)

// view is the server's tree below a folder at one journal number.
type view struct {
	epoch, journal int64
	root           *Node
	kept           bool // the kept listing says exactly this
}

// tree is the view's tree; nil for no view.
func (v *view) tree() *Node {
	if v == nil {
		return nil
	}
	return v.root
}

// view reads the server's tree below a folder that was just looked up. What is remembered of it is used as it is if the
// journal has not moved since, and brought up to date if it has: both ways give what a new listing would.
func (c *Common) view(ctx context.Context, where *place) (*view, error) {
	top := where.last()
	old := c.Listings.read(c.listingKey(top.Node))
	if old != nil && old.epoch == where.epoch && old.journal == where.journal {
		old.root.Mode, old.root.Mtime, old.root.Version = top.Mode, top.Mtime, top.Version
		return old, nil
	}
	var listing *client.Listing
	var err error
	if old != nil && old.epoch == where.epoch && old.journal < where.journal {
		listing, err = c.Server.ListSince(ctx, top.Node, &client.Listing{Epoch: old.epoch, Journal: old.journal, Entries: flatten(old.root)})
	} else {
		listing, err = c.Server.ListAll(ctx, top.Node)
	}
	if err != nil {
		return nil, err
	}
	root, err := remoteTree(top, listing.Entries)
	if err != nil {
		return nil, err
	}
	return &view{epoch: listing.Epoch, journal: listing.Journal, root: root}, nil
}

// listingKey is whose listing of what is meant.
func (c *Common) listingKey(node int64) listingKey {
	hello := c.Server.Hello()
	return listingKey{server: hello.Server, account: hello.Account, namespace: hello.Namespace, node: node}
}

// keep remembers a view for the next run. That it could not be kept costs time only.
func (c *Common) keep(v *view) {
	if v != nil && !v.kept {
		c.Listings.write(c.listingKey(v.root.ID), v)
	}
}

// entryOf is a node of the server's tree as it was listed.
func entryOf(n *Node) client.Entry {
	return client.Entry{Node: n.ID, Parent: n.Parent.ID, Name: n.Name, Kind: n.Kind, Size: n.Size, Mode: n.Mode,
		Mtime: n.Mtime, Version: n.Version, Hash: n.Hash}
}

// flatten lists all below a folder of the server's tree, folders before what they hold.
func flatten(root *Node) []client.Entry {
	var list []client.Entry
	for todo := []*Node{root}; len(todo) > 0; {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for i := range n.Children {
			list = append(list, entryOf(&n.Children[i]))
			if n.Children[i].IsFolder() {
				todo = append(todo, &n.Children[i])
			}
		}
	}
	return list
}
