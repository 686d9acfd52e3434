package store

import (
	"fmt"

	"sluice/internal/db"
)

// maxCopied bounds the nodes that the copies of one commit make: about a second of work, while other writers wait.
const maxCopied = 100_000

// copy copies a node, with all below it, to another place: new nodes that name the same contents. A file may replace a
// file, which keeps its node.
func (b *batch) copy(c *Change) (int64, int64, error) {
	n, err := b.itself(c.Node, ExpectAny)
	if err != nil {
		return 0, 0, err
	}
	if n.ID == b.ns.Root {
		return 0, 0, ErrForbidden // there is nowhere to copy it that is not below it
	}
	parent, there, err := b.target(c)
	if err != nil {
		return 0, 0, err
	}
	if err := expect(there, c.Expect); err != nil {
		return 0, 0, err
	}
	if there != nil {
		return b.copyOver(n, there)
	}
	if n.Kind != db.Folder {
		if err := b.afford(n.Size); err != nil {
			return 0, 0, err
		}
		if err := b.copies(1); err != nil {
			return 0, 0, err
		}
		return b.insert(copied(n, parent, []byte(c.Name)))
	}
	return b.copyFolder(n, parent, []byte(c.Name))
}

// copied is a new node like n.
func copied(n *db.Node, parent int64, name []byte) *db.Node {
	return &db.Node{Parent: parent, Name: name, Kind: n.Kind, Content: n.Content, Size: n.Size, Mode: n.Mode, Mtime: n.Mtime}
}

// copies counts nodes about to be made.
func (b *batch) copies(n int) error {
	if b.copied+n > maxCopied {
		return fmt.Errorf("copies of more than %d names in one commit: %w", maxCopied, ErrRange)
	}
	b.copied += n
	return nil
}

// copyOver gives the file there the content of the file n.
func (b *batch) copyOver(n, there *db.Node) (int64, int64, error) {
	switch {
	case there.ID == n.ID:
		return n.ID, n.Version, nil
	case there.Kind == db.Folder:
		return 0, 0, ErrIsFolder
	case n.Kind == db.Folder:
		return 0, 0, ErrNotFolder
	}
	if there.Content == n.Content && there.Kind == n.Kind {
		return b.meta(there, &Change{Mode: n.Mode, Mtime: n.Mtime})
	}
	if err := b.afford(n.Size); err != nil {
		return 0, 0, err
	}
	like := copied(n, there.Parent, there.Name)
	like.ID = there.ID
	return b.replace(there, like)
}

// childPage is how many children are read at a time.
const childPage = 1000

// copyFolder copies a folder with all below it. The whole is read before anything is written: the copy may stand below
// its source and must not find itself.
func (b *batch) copyFolder(top *db.Node, parent int64, name []byte) (int64, int64, error) {
	source := []db.Node{*top}
	total := int64(0)
	for next := 0; next < len(source); next++ { // breadth first: a folder comes before what it holds
		if source[next].Kind != db.Folder {
			continue
		}
		folder, after := source[next].ID, []byte(nil)
		for {
			before := len(source)
			var err error
			if source, err = b.tx.Children(source, folder, after, childPage); err != nil {
				return 0, 0, err
			}
			for i := before; i < len(source); i++ {
				total += source[i].Size
			}
			if b.copied+len(source) > maxCopied {
				return 0, 0, b.copies(len(source))
			}
			if len(source)-before < childPage {
				break
			}
			after = source[len(source)-1].Name
		}
	}
	if err := b.afford(total); err != nil {
		return 0, 0, err
	}
	if err := b.copies(len(source)); err != nil {
		return 0, 0, err
	}
	id, version, err := b.insert(copied(top, parent, name))
	if err != nil {
		return 0, 0, err
	}
	b.reach.folders[id] = true
	made := map[int64]int64{top.ID: id} // source folder -> its copy
	for i := 1; i < len(source); i++ {
		n := &source[i]
		new, _, err := b.insert(copied(n, made[n.Parent], n.Name))
		if err != nil {
			return 0, 0, err
		}
		if n.Kind == db.Folder {
			made[n.ID] = new
		}
	}
	return id, version, nil
}
