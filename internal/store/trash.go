package store

import (
	"context"
	"math"

	"sluice/internal/db"
)

// Trashed is a deleted name that can be restored.
type Trashed struct {
	Number int64    // of its delete; by it it is restored
	Node   int64    //
	Path   []string // where it stood
	Kind   Kind
	Names  int64 // of a folder: how many names went with it; more than maxCounted are not counted
	Size   int64 // of a folder: their bytes
	At     int64 // when it was deleted, ns since 1970
	Device string
}

// maxCounted bounds the names looked at to tell what deleted folders held.
const maxCounted = 10_000

// Trash tells the deleted names of a namespace that have not come again, the latest first, from the delete with the number
// before on (not included; 0: from the latest). It ends when add says that the page is full; then there is more.
func (s *Store) Trash(w Who, namespace, before int64, add func(Trashed) bool) (epoch, journal int64, more bool, err error) {
	if before == 0 {
		before = math.MaxInt64
	}
	err = s.read(func(tx *db.Tx) error {
		ns, err := s.may(tx, w, namespace, 0, needRead)
		if err != nil {
			return err
		}
		epoch, journal = ns.Epoch, ns.Journal
		h, names := newHistory(tx, ns), newDevices(tx)
		counted := 0
		for {
			page, err := tx.Deletes(ns.ID, before, childPage)
			if err != nil {
				return err
			}
			for i := range page {
				p := &page[i]
				t := Trashed{Number: p.Until, Node: p.ID, Kind: Kind(p.Kind), Size: p.Size, At: p.At}
				if t.Path, _, _, err = h.path(p.Parent, p.Name, p.Until-1, ns.Root); err != nil {
					return err
				}
				if t.Device, err = names.name(p.Device); err != nil {
					return err
				}
				if p.Kind == db.Folder && counted < maxCounted {
					if t.Names, t.Size, err = tx.Below(p.ID, maxCounted-counted); err != nil {
						return err
					}
					counted += int(t.Names)
				}
				if !add(t) {
					more = true
					return nil
				}
				before = p.Until
			}
			if len(page) < childPage {
				return nil
			}
		}
	})
	return epoch, journal, more, err
}

// TrashEmpty gives up the deleted names of a namespace that were deleted before a time, ns since 1970, for good: their space
// comes back, also in the account's quota, and no earlier tree has them any more. With dry it only counts them. It
// works in small transactions; ended half-way, the rest is done by a repetition.
func (s *Store) TrashEmpty(ctx context.Context, w Who, once Once, namespace, before int64, dry bool, reply func(names int64) []byte) ([]byte, error) {
	may := func(tx *db.Tx) (ns *db.Namespace, err error) { return s.may(tx, w, namespace, 0, needWrite) }
	var ns *db.Namespace
	var known []byte
	if err := s.read(func(tx *db.Tx) (err error) {
		if ns, err = may(tx); err != nil {
			return err
		}
		known, err = s.known(tx, w, once, func(*db.Tx) error { return nil })
		return err
	}); err != nil || known != nil {
		return known, err
	}
	if dry {
		names, err := s.countTrash(ns.ID, before)
		if err != nil {
			return nil, err
		}
		return reply(names), nil
	}
	names, err := s.purgeDeleted(ctx, ns.ID, before, false, purgeBatch)
	if err == nil {
		err = ctx.Err() // what is below folders the keeper removes, too
	}
	if err == nil {
		err = s.purgeBelow(ctx, ns.ID, purgeBatch)
	}
	if err != nil {
		return nil, err
	}
	var answer []byte
	err = s.writeAnyway(func(tx *db.Tx) (err error) {
		answer, err = s.once(tx, w, once, func(tx *db.Tx) error { _, err := may(tx); return err },
			func(*db.Tx) ([]byte, error) { return reply(names), nil })
		return err
	})
	return answer, err
}

// countTrash counts the names that TrashEmpty would give up.
func (s *Store) countTrash(namespace, at int64) (names int64, err error) {
	before := int64(math.MaxInt64)
	for more := true; more && err == nil; {
		err = s.read(func(tx *db.Tx) error {
			page, err := tx.Deletes(namespace, before, childPage)
			for i := range page {
				if before = page[i].Until; page[i].At < at {
					names++
				}
			}
			more = len(page) == childPage
			return err
		})
	}
	return names, err
}

// devices remembers the names of devices within a transaction.
type devices struct {
	tx    *db.Tx
	names map[int64]string
}

func newDevices(tx *db.Tx) *devices { return &devices{tx, make(map[int64]string)} }

// name gives a device's name, empty if it is not known.
func (d *devices) name(id int64) (string, error) {
	if id == 0 {
		return "", nil
	}
	name, known := d.names[id]
	if !known {
		found, err := d.tx.Device(id)
		if err != nil {
			return "", err
		}
		if found != nil {
			name = string(found.Name)
		}
		d.names[id] = name
	}
	return name, nil
}
