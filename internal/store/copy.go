package store

import (
	"cmp"
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
	if err := b.sound(n); err != nil {
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

// sound refuses to copy what is damaged: its bytes are wanted, not more names of it. Whoever has them sends them then, and so
// heals it.
func (b *batch) sound(top *db.Node) error {
	damaged, err := b.tx.NamesOfDamaged(b.ns.ID)
	if err != nil {
		return err
	}
	for _, node := range damaged {
		if below, err := b.reach.under(node, top.ID); err != nil || below {
			return cmp.Or(err, ErrSpoiled)
		}
	}
	return nil
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

// folderCopy is a folder that is to be copied: its copy's number is known once the copy's parent has been written.
type folderCopy struct {
	from, to int64
	names    int64 // it holds
	below    []int // folders it holds, by their index
	ranks    []int64
}

// copyFolder copies a folder with all below it, one statement a folder. The whole is looked through before anything is written:
// so the bounds are kept, and the copy may stand below its source and does not find itself, as what is younger than the
// look is left out.
func (b *batch) copyFolder(top *db.Node, parent int64, name []byte) (int64, int64, error) {
	last := b.node
	folders := []folderCopy{{from: top.ID}}
	total, names := top.Size, 1
	for next := 0; next < len(folders); next++ { // breadth first: a folder comes before what it holds
		err := b.tx.EachBelow(folders[next].from, last, func(id, kind, size int64) error {
			if names++; b.copied+names > maxCopied {
				return b.copies(names)
			}
			total += size
			f := &folders[next]
			f.names++
			if kind == db.Folder {
				f.below, f.ranks = append(f.below, len(folders)), append(f.ranks, f.names)
				folders = append(folders, folderCopy{from: id})
			}
			return nil
		})
		if err != nil {
			return 0, 0, err
		}
	}
	if err := b.afford(total); err != nil {
		return 0, 0, err
	}
	if err := b.copies(names); err != nil {
		return 0, 0, err
	}
	id, version, err := b.insert(copied(top, parent, name))
	if err != nil {
		return 0, 0, err
	}
	b.reach.folders[id] = true
	folders[0].to = id
	for _, f := range folders { // whose parents have been written
		if f.names == 0 {
			continue
		}
		if err := b.tx.CopyChildren(b.ns.ID, f.from, f.to, last, b.journal); err != nil {
			return 0, 0, err
		}
		for i, at := range f.below {
			folders[at].to = b.node + f.ranks[i]
		}
		b.node += f.names
		b.journal += f.names
	}
	b.charge(total - top.Size) // insert has charged that
	return id, version, nil
}
