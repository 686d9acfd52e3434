package store

import (
	"context"
	"fmt"
	"strconv"

	"sluice/internal/hash"
)

// deletedFolder makes a folder of 300 files and deletes it, under keys that are the same each time. It answers the number of
// the delete.
func deletedFolder(s *Store, w Who) (number int64, err error) {
	if _, err := put(s, w, bytesOf(31, 100)); err != nil {
		return 0, err
	}
	commit := func(key byte, changes ...Change) (int64, error) { // answers the first node's id or the journal's number
		raw, err := s.Commit(w, Once{Key: [16]byte{key}, Type: 20}, 0, true, 0, changes, func(journal int64, fates []Fate) []byte {
			n := journal
			if changes[0].Op == OpMkdir {
				n = fates[0].Node
			}
			return strconv.AppendInt(nil, n, 10)
		})
		if err != nil {
			return 0, err
		}
		return strconv.ParseInt(string(raw), 10, 64)
	}
	changes := []Change{{Op: OpMkdir, Parent: Place{Node: w.Root}, Name: "d"}, {Op: OpMkdir, Parent: Place{Entry: 0}, Name: "deep"}}
	for i := range 300 {
		c := putOf(0, fmt.Sprint(i), 0)
		c.Parent, c.Hash, c.Size = Place{Entry: i % 2}, sumOf(31, 100), 100
		changes = append(changes, c)
	}
	node, err := commit(30, changes...)
	if err != nil {
		return 0, err
	}
	return commit(31, Change{Op: OpDelete, Node: node, Expect: ExpectAny, Recursive: true})
}

// restoreDeleted restores it.
func restoreDeleted(s *Store, w Who) error {
	number, err := deletedFolder(s, w)
	if err != nil {
		return err
	}
	_, err = s.Restore(w, Once{Key: [16]byte{32}, Type: 29}, 0, Restore{Trash: number}, func(int64, Restored) []byte { return []byte("back") })
	if err != nil {
		return err
	}
	n := 0
	_, _, _, err = s.List(w, 0, 0, true, 0, func(Entry) bool { n++; return true })
	if err == nil && n != 302 {
		err = fmt.Errorf("%d names have come again", n)
	}
	return err
}

// purgeDeleted lets its time go by.
func purgeDeleted(s *Store, w Who) error {
	if _, err := deletedFolder(s, w); err != nil {
		return err
	}
	if err := s.purge(context.Background(), inDays(31)); err != nil {
		return err
	}
	used, _, _, err := s.Usage(w)
	if err == nil && used != 0 {
		err = fmt.Errorf("%d bytes are charged for nothing", used)
	}
	return err
}

func sumOf(seed uint64, n int) [32]byte { return hash.Sum(bytesOf(seed, n)) }
