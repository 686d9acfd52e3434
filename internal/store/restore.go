package store

import (
	"errors"
	"fmt"

	"sluice/internal/db"
)

// Restore says what is to be as it was: a node, or what stood at a path, as of a time; or a deleted name as it was when it
// was deleted. It comes where it stood then, or to Parent and Name.
type Restore struct {
	Node  int64    // 0: see Path
	Path  []string // from the root; what stood there at that time
	At    int64    // ns since 1970
	Trash int64    // instead of all these: the number of a delete

	Parent int64 // 0 without a Name: where it was; 0 with one: the root
	Name   string
	Exact  bool // names that came later are deleted
	Dry    bool // only find out what would be done
}

// Restored is what was done.
type Restored struct {
	Node     int64 // the top
	Version  int64 // its version
	Made     int64 // names that came, or came again
	Replaced int64 // names that got another content, mode or time
	Deleted  int64 // names that came later; what lay below them is not counted
}

// Restore brings back what was, in one transaction and without a byte: new names and versions name the old contents.
// What is replaced or deleted by it is kept like any other version. Folders that are missing on the way are made.
//
// ErrNotKept: so old a tree is not known any more. ErrExists: a deleted name's place is taken. ErrIsFolder, ErrNotFolder: a
// folder stands where a file is to come, or the other way round, and Exact does not allow its removal. ErrRange: more than
// 100,000 names.
func (s *Store) Restore(w Who, once Once, namespace int64, r Restore, reply func(journal int64, done Restored) []byte) ([]byte, error) {
	if err := s.mayUpload(0); err != nil {
		return nil, err
	}
	var answer []byte
	err := s.write(func(tx *db.Tx) (err error) {
		answer, err = s.once(tx, w, once, func(tx *db.Tx) error {
			_, err := s.may(tx, w, namespace, 0, needWrite)
			return err
		}, func(tx *db.Tx) ([]byte, error) {
			b, err := s.newBatch(tx, w, namespace, 0)
			if err != nil {
				return nil, err
			}
			done, err := b.restore(&r)
			if err != nil {
				return nil, err
			}
			if err := b.finish(); err != nil {
				return nil, err
			}
			answer := reply(b.journal, done)
			if r.Dry {
				return nil, &dryRun{answer}
			}
			return answer, nil
		})
		return err
	})
	var dry *dryRun
	if errors.As(err, &dry) {
		return dry.answer, nil
	}
	return answer, err
}

// dryRun carries the answer of a transaction that is undone.
type dryRun struct{ answer []byte }

func (d *dryRun) Error() string { return "undone: it was only to be tried" }

// restoration is a restore under way.
type restoration struct {
	*batch
	h     *history
	n     int64 // as of this number
	exact bool
	done  Restored
	pairs []pair
	metas []metaChange
}

// pair is a folder as it was and the present one that becomes like it.
type pair struct {
	was, is int64
	fresh   bool // the present one is empty
}

// metaChange is a present node, and the mode and time it is to have.
type metaChange struct {
	node *db.Node
	like Change
}

func (b *batch) restore(r *Restore) (Restored, error) {
	x := &restoration{batch: b, h: newHistory(b.tx, b.ns), exact: r.Exact}
	if r.Trash != 0 {
		return x.done, x.fromTrash(r)
	}
	var err error
	if x.n, err = numberAt(b.tx, b.ns, r.At); err != nil {
		return x.done, err
	}
	found, err := x.h.follow(r.Node, x.n, r.Path)
	if err != nil {
		return x.done, err
	}
	if len(found) <= len(r.Path) {
		return x.done, ErrNotFound
	}
	top := found[len(r.Path)]
	if top.ID == b.ns.Root && r.Name == "" {
		x.done.Node, x.done.Version = top.ID, b.journal
		if err := x.folderOver(top, top.ID, false); err != nil {
			return x.done, err
		}
		return x.done, x.run()
	}
	parent, name, err := x.target(r, top.Parent, top.Name)
	if err != nil {
		return x.done, err
	}
	if x.done.Node, x.done.Version, err = x.put(top, parent, name, false); err != nil {
		return x.done, err
	}
	return x.done, x.run()
}

// target finds the folder and name that something is to have: those asked for, or those it had.
func (x *restoration) target(r *Restore, parent int64, name []byte) (int64, []byte, error) {
	if r.Name == "" {
		parent, err := x.folders(parent)
		return parent, name, err
	}
	if err := checkName(r.Name); err != nil {
		return 0, nil, err
	}
	parent = r.Parent
	if parent == 0 {
		parent = x.ns.Root
	}
	return parent, []byte(r.Name), x.reach.folder(parent)
}

// folders gives the present folder at the path that a folder had, and makes what is missing of it.
func (x *restoration) folders(folder int64) (int64, error) {
	chain, err := x.h.above(folder, x.n)
	if err != nil {
		return 0, err
	}
	at := x.ns.Root
	for _, was := range chain {
		there, err := x.tx.Child(at, was.Name)
		if err != nil {
			return 0, err
		}
		switch {
		case there == nil:
			if at, _, err = x.mkdirLike(was, at, was.Name); err != nil {
				return 0, err
			}
		case there.Kind != db.Folder:
			return 0, ErrNotFolder
		default:
			at = there.ID
		}
	}
	return at, nil
}

// mkdirLike makes a folder like one that was. It is a new node: what lies below the old one may have changed since the time
// that is restored.
func (x *restoration) mkdirLike(was *db.Node, parent int64, name []byte) (int64, int64, error) {
	if err := x.count(); err != nil {
		return 0, 0, err
	}
	x.done.Made++
	id, version, err := x.insert(copied(was, parent, name))
	if err == nil {
		x.reach.folders[id] = true
	}
	return id, version, err
}

// count counts a name that is looked at.
func (x *restoration) count() error {
	if x.copied++; x.copied > maxCopied {
		return fmt.Errorf("more than %d names at once: restore its folders one by one: %w", maxCopied, ErrRange)
	}
	return nil
}

// run makes the folders of all pairs alike, and then their modes and times: a mode that changes leaves no past state, and
// what is restored into itself or below would be read with the mode it has just got.
func (x *restoration) run() error {
	for len(x.pairs) > 0 {
		p := x.pairs[len(x.pairs)-1]
		x.pairs = x.pairs[:len(x.pairs)-1]
		if err := x.alike(p); err != nil {
			return err
		}
	}
	for _, m := range x.metas {
		before := x.journal
		id, version, err := x.meta(m.node, &m.like)
		if err != nil {
			return err
		}
		x.done.Replaced += x.journal - before
		if id == x.done.Node {
			x.done.Version = version
		}
	}
	return nil
}

// alike puts into a folder what was in another one, and with exact removes what was not.
func (x *restoration) alike(p pair) error {
	var page []db.Node
	for after, more := []byte(nil), true; more; {
		var err error
		if page, err = x.tx.ChildrenAsOf(page[:0], p.was, after, childPage, x.n); err != nil {
			return err
		}
		for i := range page {
			if _, _, err := x.put(&page[i], p.is, page[i].Name, p.fresh); err != nil {
				return err
			}
		}
		if more = len(page) == childPage; more {
			after = page[len(page)-1].Name
		}
	}
	if !x.exact || p.fresh {
		return nil
	}
	for after, more := []byte(nil), true; more; {
		var err error
		if page, err = x.tx.Children(page[:0], p.is, after, childPage); err != nil {
			return err
		}
		for i := range page {
			was, err := x.tx.ChildAsOf(p.was, page[i].Name, x.n)
			if err != nil {
				return err
			}
			if was == nil {
				if err := x.discard(&page[i]); err != nil {
					return err
				}
			}
		}
		if more = len(page) == childPage; more {
			after = page[len(page)-1].Name
		}
	}
	return nil
}

// discard deletes what came later.
func (x *restoration) discard(n *db.Node) error {
	if err := x.count(); err != nil {
		return err
	}
	x.done.Deleted++
	_, err := x.remove(n)
	return err
}

// put makes what was stand under a name: on what stands there, or anew. fresh: nothing does.
func (x *restoration) put(was *db.Node, parent int64, name []byte, fresh bool) (int64, int64, error) {
	var there *db.Node
	if !fresh {
		var err error
		if there, err = x.tx.Child(parent, name); err != nil {
			return 0, 0, err
		}
	}
	if there != nil && (there.Kind == db.Folder) != (was.Kind == db.Folder) {
		switch {
		case !x.exact && there.Kind == db.Folder:
			return 0, 0, ErrIsFolder
		case !x.exact:
			return 0, 0, ErrNotFolder
		}
		if err := x.discard(there); err != nil {
			return 0, 0, err
		}
		there = nil
	}
	switch {
	case there == nil && was.Kind == db.Folder:
		id, version, err := x.mkdirLike(was, parent, name)
		x.pairs = append(x.pairs, pair{was.ID, id, true})
		return id, version, err
	case there == nil:
		return x.file(was, parent, name)
	case was.Kind == db.Folder:
		return there.ID, there.Version, x.folderOver(was, there.ID, true)
	}
	return x.fileOver(was, there)
}

// folderOver makes a folder that is there like one that was. Its own mode and time are only changed with exact: they
// are not what one misses.
func (x *restoration) folderOver(was *db.Node, there int64, named bool) error {
	if err := x.count(); err != nil {
		return err
	}
	x.pairs = append(x.pairs, pair{was: was.ID, is: there})
	if !x.exact || !named {
		return nil
	}
	n, err := x.tx.Node(there)
	if err != nil {
		return err
	}
	x.metaLike(n, was)
	return nil
}

// metaLike notes that a present node is to have the mode and time of one that was; see run.
func (x *restoration) metaLike(n, was *db.Node) {
	if n.Mode != was.Mode || n.Mtime != was.Mtime {
		x.metas = append(x.metas, metaChange{n, Change{Mode: was.Mode, Mtime: was.Mtime}})
	}
}

// fileOver gives the file there the content it had.
func (x *restoration) fileOver(was, there *db.Node) (int64, int64, error) {
	if err := x.count(); err != nil {
		return 0, 0, err
	}
	if there.Content == was.Content && there.Kind == was.Kind {
		x.metaLike(there, was)
		return there.ID, there.Version, nil
	}
	if err := x.afford(was.Size); err != nil {
		return 0, 0, err
	}
	like := copied(was, there.Parent, there.Name)
	like.ID = there.ID
	x.done.Replaced++
	return x.replace(there, like)
}

// file makes a file anew. One that was deleted itself keeps its node, so that its versions go on; as it was when it was
// deleted, it is charged already.
func (x *restoration) file(was *db.Node, parent int64, name []byte) (int64, int64, error) {
	if err := x.count(); err != nil {
		return 0, 0, err
	}
	x.done.Made++
	end, err := x.tx.LastEnd(was.ID)
	if err != nil {
		return 0, 0, err
	}
	like := copied(was, parent, name)
	if end == nil || end.Ended != db.Deleted {
		if err := x.afford(was.Size); err != nil {
			return 0, 0, err
		}
		return x.insert(like)
	}
	like.ID = was.ID
	return x.again(like, end)
}

// again brings back a deleted node.
func (x *restoration) again(n *db.Node, end *db.Past) (int64, int64, error) {
	same := end.Content == n.Content
	if !same {
		if err := x.afford(n.Size); err != nil {
			return 0, 0, err
		}
		x.charge(n.Size)
	}
	n.Namespace, n.Version = x.ns.ID, x.number()
	if err := x.tx.InsertNodeAgain(n); err != nil || !same || n.Kind == db.Folder {
		return n.ID, n.Version, err
	}
	return n.ID, n.Version, x.tx.ShareContent(x.ns.ID, end.Until)
}

// fromTrash brings back a deleted name with all that lay below it.
func (x *restoration) fromTrash(r *Restore) error {
	end, err := x.tx.Delete(x.ns.ID, r.Trash)
	if err != nil {
		return err
	}
	last, err := (*db.Past)(nil), error(nil)
	if end != nil {
		last, err = x.tx.LastEnd(end.ID)
	}
	if err != nil {
		return err
	}
	if last == nil || last.Until != end.Until {
		return ErrNotFound // or it has come again
	}
	x.n = end.Until - 1
	parent, name := end.Parent, end.Name // in its folder, wherever that stands now
	if err := x.reach.folder(parent); r.Name != "" || errors.Is(err, ErrNotFound) {
		if parent, name, err = x.target(r, parent, name); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	there, err := x.tx.Child(parent, name)
	if err != nil {
		return err
	}
	if there != nil {
		return ErrExists
	}
	n := copied(&end.Node, parent, name)
	n.ID = end.ID
	x.done.Made++
	if x.done.Node, x.done.Version, err = x.again(n, end); err != nil || n.Kind != db.Folder {
		return err
	}
	x.reach.forget()
	return x.below(n.ID)
}

// below gives all that lies below a folder that has come again a version of its own: whoever follows the changes was told
// that it is gone.
func (x *restoration) below(top int64) error {
	var page []db.Node
	for folders := []int64{top}; len(folders) > 0; {
		folder := folders[len(folders)-1]
		folders = folders[:len(folders)-1]
		for after, more := []byte(nil), true; more; {
			var err error
			if page, err = x.tx.Children(page[:0], folder, after, childPage); err != nil {
				return err
			}
			for i := range page {
				if err := x.count(); err != nil {
					return err
				}
				x.done.Made++
				if err := x.tx.SetVersion(page[i].ID, x.number()); err != nil {
					return err
				}
				if page[i].Kind == db.Folder {
					folders = append(folders, page[i].ID)
				}
			}
			if more = len(page) == childPage; more {
				after = page[len(page)-1].Name
			}
		}
	}
	return nil
}
