package store

import (
	"errors"

	"sluice/internal/db"
)

// The ops of a commit but for copy. Each answers the node it was about and that one's version, and writes nothing
// before all that could refuse it has been asked.

// put puts a content under a name. What stands there exactly so already is done: equal content never conflicts.
func (b *batch) put(c *Change) (int64, int64, error) {
	if c.Kind != KindFile && c.Kind != KindLink {
		return 0, 0, ErrRange
	}
	if c.Expect == 0 && !b.careful {
		// What stands there may make a refusal good, so that is asked again below.
		if id, version, err := b.putUnseen(c); err == nil || !refusal(err) {
			return id, version, err
		}
	}
	if err := b.flush(); err != nil {
		return 0, 0, err
	}
	parent, there, err := b.target(c)
	if err != nil {
		return 0, 0, err
	}
	if there == nil {
		return b.putNew(c, parent)
	}
	if there.Kind == db.Folder {
		if err := expect(there, c.Expect); err != nil {
			return 0, 0, err
		}
		return 0, 0, ErrIsFolder
	}
	same := there.Hash == c.Hash && there.Size == c.Size && there.Kind == int64(c.Kind)
	if same && there.Mode == c.Mode && there.Mtime == c.Mtime {
		b.release(there.Content)
		return there.ID, there.Version, nil
	}
	if err := expect(there, c.Expect); err != nil {
		return 0, 0, err
	}
	if same {
		there.Mode, there.Mtime, there.Version = c.Mode, c.Mtime, b.number()
		if err := b.tx.SetMeta(there); err != nil {
			return 0, 0, err
		}
		b.release(there.Content)
		return there.ID, there.Version, nil
	}
	content, err := b.content(c)
	if err != nil {
		return 0, 0, err
	}
	n := db.Node{ID: there.ID, Kind: int64(c.Kind), Content: content, Size: c.Size, Mode: c.Mode, Mtime: c.Mtime}
	return b.replace(there, &n)
}

// putUnseen puts a content where nothing is expected to stand, and mostly nothing stands, without a look. It gathers the
// nodes; if flush finds a name taken the commit is done again, carefully.
func (b *batch) putUnseen(c *Change) (int64, int64, error) {
	if err := checkName(c.Name); err != nil {
		return 0, 0, err
	}
	parent, err := b.place(c.Parent)
	if err != nil {
		return 0, 0, err
	}
	content, err := b.content(c)
	if err != nil {
		return 0, 0, err
	}
	b.unwritten = append(b.unwritten, db.Node{
		Parent: parent, Name: []byte(c.Name), Kind: int64(c.Kind), Content: content, Size: c.Size, Mode: c.Mode, Mtime: c.Mtime,
	})
	n := &b.unwritten[len(b.unwritten)-1]
	b.give(n)
	b.release(content)
	return n.ID, n.Version, nil
}

// flush writes the nodes that putUnseen has gathered. It comes before anything that reads nodes.
func (b *batch) flush() error {
	if len(b.unwritten) == 0 {
		return nil
	}
	err := b.tx.InsertNodes(b.unwritten)
	b.unwritten = b.unwritten[:0]
	if errors.Is(err, db.ErrUnique) {
		return errSeen
	}
	return err
}

// putNew puts a content where nothing stands.
func (b *batch) putNew(c *Change, parent int64) (int64, int64, error) {
	if err := expect(nil, c.Expect); err != nil {
		return 0, 0, err
	}
	content, err := b.content(c)
	if err != nil {
		return 0, 0, err
	}
	id, version, err := b.insert(&db.Node{
		Parent: parent, Name: []byte(c.Name), Kind: int64(c.Kind), Content: content, Size: c.Size, Mode: c.Mode, Mtime: c.Mtime,
	})
	b.release(content)
	return id, version, err
}

// content finds what a put names, within what the account holds, and asks whether it may be charged for it.
func (b *batch) content(c *Change) (int64, error) {
	found, err := resolve(b.tx, b.who, c.Hash)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrSpoiled) {
		return 0, ErrNotUploaded
	}
	if err != nil {
		return 0, err
	}
	if found.Size != c.Size {
		return 0, ErrHash
	}
	if err := b.afford(found.Size); !errors.Is(err, ErrQuota) {
		return found.ID, err
	}
	// Near the quota it matters that what is held is charged already: to name it costs nothing more.
	held, err := b.tx.HeldBytes(b.who.Account, found.ID)
	if err != nil {
		return 0, err
	}
	if b.who.Account != b.ns.Owner {
		held = 0
	}
	return found.ID, b.afford(found.Size - held)
}

// insert adds a node under the next id and number and charges its size.
func (b *batch) insert(n *db.Node) (int64, int64, error) {
	b.give(n)
	return n.ID, n.Version, b.tx.InsertNode(n)
}

// give gives a new node the next id and number, and charges its size.
func (b *batch) give(n *db.Node) {
	b.node++
	n.ID, n.Namespace, n.Version = b.node, b.ns.ID, b.number()
	b.charge(n.Size)
}

// replace gives the file there the content and metadata of n, keeps what it was and charges the new size.
func (b *batch) replace(there, n *db.Node) (int64, int64, error) {
	n.Version = b.number()
	if err := b.end(there, n.Version, db.Replaced); err != nil {
		return 0, 0, err
	}
	b.charge(n.Size)
	if err := b.tx.SetContent(n); err != nil {
		return 0, 0, err
	}
	b.release(n.Content)
	return n.ID, n.Version, nil
}

// mkdir makes a folder. One that stands there gets mode and mtime, if it was expected.
func (b *batch) mkdir(c *Change) (int64, int64, error) {
	parent, there, err := b.target(c)
	if err != nil {
		return 0, 0, err
	}
	if there != nil && there.Kind == db.Folder && there.Mode == c.Mode && there.Mtime == c.Mtime {
		return there.ID, there.Version, nil
	}
	if err := expect(there, c.Expect); err != nil {
		return 0, 0, err
	}
	if there == nil {
		id, version, err := b.insert(&db.Node{Parent: parent, Name: []byte(c.Name), Kind: db.Folder, Mode: c.Mode, Mtime: c.Mtime})
		if err == nil {
			b.reach.folders[id] = true
		}
		return id, version, err
	}
	if there.Kind != db.Folder {
		return 0, 0, ErrNotFolder
	}
	return b.meta(there, c)
}

// set changes mode and mtime of a node.
func (b *batch) set(c *Change) (int64, int64, error) {
	n, err := b.itself(c.Node, c.Expect)
	if err != nil {
		return 0, 0, err
	}
	return b.meta(n, c)
}

// itself finds the node a change is about. 0 is nobody, not the root: a forgotten field must not delete the tree.
func (b *batch) itself(id, version int64) (*db.Node, error) {
	if id == 0 {
		return nil, ErrNotFound
	}
	n, err := b.reach.node(id)
	if err != nil {
		return nil, err
	}
	if version != ExpectAny && n.Version != version {
		return nil, &stands{ErrConflict, n}
	}
	return n, nil
}

func (b *batch) meta(n *db.Node, c *Change) (int64, int64, error) {
	if n.Mode == c.Mode && n.Mtime == c.Mtime {
		return n.ID, n.Version, nil
	}
	n.Mode, n.Mtime, n.Version = c.Mode, c.Mtime, b.number()
	return n.ID, n.Version, b.tx.SetMeta(n)
}

// move gives a node another place, and keeps where it was: one row each, whatever lies below it.
func (b *batch) move(c *Change) (int64, int64, error) {
	n, err := b.itself(c.Node, c.ExpectNode)
	if err != nil {
		return 0, 0, err
	}
	if n.ID == b.ns.Root {
		return 0, 0, ErrForbidden
	}
	parent, there, err := b.target(c)
	if err != nil {
		return 0, 0, err
	}
	if there != nil && there.ID == n.ID {
		return n.ID, n.Version, nil
	}
	if err := expect(there, c.Expect); err != nil {
		return 0, 0, err
	}
	if n.Kind == db.Folder {
		below, err := b.reach.under(parent, n.ID)
		if err != nil {
			return 0, 0, err
		}
		if below {
			return 0, 0, ErrCycle
		}
	}
	if there != nil {
		if there.Kind == db.Folder {
			return 0, 0, ErrIsFolder
		}
		if n.Kind == db.Folder {
			return 0, 0, ErrNotFolder
		}
		if _, err := b.remove(there); err != nil {
			return 0, 0, err
		}
	}
	version := b.number()
	if err := b.end(n, version, db.Moved); err != nil {
		return 0, 0, err
	}
	n.Parent, n.Name, n.Version = parent, []byte(c.Name), version
	if n.Kind == db.Folder {
		b.reach.forget()
	}
	return n.ID, n.Version, b.tx.MoveNode(n)
}

// delete removes a node. What lies below a folder stays as it is and is not found any more.
func (b *batch) delete(c *Change) (int64, int64, error) {
	n, err := b.itself(c.Node, c.Expect)
	if err != nil {
		return 0, 0, err
	}
	if n.ID == b.ns.Root {
		return 0, 0, ErrForbidden
	}
	if n.Kind == db.Folder && !c.Recursive {
		holds, err := b.tx.HasChildren(n.ID)
		if err != nil {
			return 0, 0, err
		}
		if holds {
			return 0, 0, ErrNotEmpty
		}
	}
	until, err := b.remove(n)
	return n.ID, until, err
}

// remove deletes a node's row and keeps it as a past one. It stays charged.
func (b *batch) remove(n *db.Node) (until int64, err error) {
	until = b.number()
	if err := b.end(n, until, db.Deleted); err != nil {
		return 0, err
	}
	if n.Kind == db.Folder {
		b.reach.forget()
	}
	return until, b.tx.DeleteNode(n.ID)
}
