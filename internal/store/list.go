package store

import (
	"fmt"

	"sluice/internal/db"
)

// List tells the children of a folder (0: the root) in order of name, or with recursive all that lies below it, a folder
// before what it holds. It goes on after the node after (0: from the start), which the last page ended with, and ends
// when add says that the page is full; then there is more.
//
// Each page is a snapshot of its own: journal tells of when. If it has grown since the first page, what changed in
// between is told by Changes; if the node a page ended with has moved in between, list again. A node that is gone still
// marks its place.
func (s *Store) List(w Who, namespace, node int64, recursive bool, after int64, add func(Entry) bool) (epoch, journal int64, more bool, err error) {
	return s.ListAt(w, namespace, node, 0, recursive, after, add)
}

// ListAt is List of the tree as it was at a time, ns since 1970 (0: as it is); journal is the number it had reached then.
// All pages of a time that is over are one snapshot.
func (s *Store) ListAt(w Who, namespace, node, at int64, recursive bool, after int64, add func(Entry) bool) (epoch, journal int64, more bool, err error) {
	err = s.read(func(tx *db.Tx) error {
		ns, err := s.may(tx, w, namespace, node, needRead)
		if err != nil {
			return err
		}
		v, err := viewAt(tx, ns, at)
		if err != nil {
			return err
		}
		epoch, journal = ns.Epoch, v.n
		top, err := v.node(node)
		if err != nil {
			return err
		}
		if top.Kind != db.Folder {
			return ErrNotFolder
		}
		k := walk{view: v, recursive: recursive}
		if after == 0 {
			k.enter(top.ID, nil)
		} else if err := k.resume(top.ID, after); err != nil {
			return err
		}
		more, err = k.run(add)
		return err
	})
	return epoch, journal, more, err
}

// walk goes through a tree depth first with a stack of folders, not by recursion: a tree may be as deep as it likes.
type walk struct {
	view
	recursive bool
	stack     []level
}

// level is a folder that is being read, a page of children at a time.
type level struct {
	folder int64
	page   []db.Node
	next   int    // in page
	after  []byte // the next page begins after this name
	ended  bool   // there is no next page
}

// enter begins with a folder's children after a name.
func (k *walk) enter(folder int64, after []byte) {
	if len(k.stack) < cap(k.stack) {
		k.stack = k.stack[:len(k.stack)+1] // with the page of an earlier level
	} else {
		k.stack = append(k.stack, level{})
	}
	l := &k.stack[len(k.stack)-1]
	l.folder, l.after, l.page, l.next, l.ended = folder, after, l.page[:0], 0, false
}

// run tells one entry after the other until add says no or all have been told.
func (k *walk) run(add func(Entry) bool) (more bool, err error) {
	for len(k.stack) > 0 {
		l := &k.stack[len(k.stack)-1]
		if l.next == len(l.page) {
			if l.ended {
				k.stack = k.stack[:len(k.stack)-1]
				continue
			}
			if l.page, err = k.children(l.page[:0], l.folder, l.after); err != nil {
				return false, err
			}
			l.next, l.ended = 0, len(l.page) < childPage
			if !l.ended {
				l.after = l.page[len(l.page)-1].Name
			}
			continue
		}
		n := &l.page[l.next]
		if !add(toEntry(n)) {
			return true, nil
		}
		l.next++
		if k.recursive && n.Kind == db.Folder {
			k.enter(n.ID, nil)
		}
	}
	return false, nil
}

// resume stands the walk where it was after it had told a node.
func (k *walk) resume(top, after int64) error {
	type place struct {
		folder int64
		name   []byte
	}
	var places []place // from after up to top
	inside := false    // after is a folder whose children come next
	for at := after; at != top; {
		n, err := k.row(at)
		if err != nil {
			return err
		}
		var p place
		if n != nil {
			p = place{n.Parent, n.Name}
			inside = inside || at == after && n.Kind == db.Folder
		} else if k.past == nil { // as it was nothing can have gone in between
			places, inside = places[:0], false // what lies below it is gone too
			if p.folder, p.name, _, err = k.tx.LastPlace(at); err != nil {
				return err
			}
		}
		if p.folder == 0 { // it never was below top, or does not lie there any more
			return fmt.Errorf("the page before ended with node %d, which is not below: %w", after, ErrConflict)
		}
		places = append(places, p)
		at = p.folder
	}
	for i := len(places) - 1; i >= 0; i-- {
		if k.recursive || i == len(places)-1 {
			k.enter(places[i].folder, places[i].name)
		}
	}
	if inside && k.recursive {
		k.enter(after, nil)
	}
	return nil
}
