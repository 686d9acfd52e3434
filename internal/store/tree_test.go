package store

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"testing"

	"sluice/internal/db"
	"sluice/internal/hash"
)

// newOnceTest is a fresh key.
func newOnceTest() Once {
	var o Once
	rand.Read(o.Key[:])
	return o
}

// apply commits changes, each for itself.
func apply(t testing.TB, s *Store, w Who, changes ...Change) []Fate {
	t.Helper()
	fates, err := commit(s, w, false, changes)
	if err != nil {
		t.Fatal(err)
	}
	return fates
}

// mustApply commits changes that must succeed.
func mustApply(t testing.TB, s *Store, w Who, changes ...Change) []Fate {
	t.Helper()
	fates := apply(t, s, w, changes...)
	for i, f := range fates {
		if f.Err != nil {
			t.Fatalf("entry %d: %v", i, f.Err)
		}
	}
	return fates
}

func commit(s *Store, w Who, all bool, changes []Change) ([]Fate, error) {
	var fates []Fate
	_, err := s.Commit(w, newOnceTest(), 0, all, 0, changes, func(journal int64, f []Fate) []byte {
		fates = f
		return nil
	})
	return fates, err
}

// content i of an account that holds many small ones: rows only, as if they had been uploaded.
func contentHash(i int) [32]byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(i))
	return hash.Sum(b[:])
}

// contentSize is the stated size of content i.
func contentSize(i int) int64 { return int64(i%5) * 100 }

// holdRows gives an account contents from up to, not including, to.
func holdRows(t testing.TB, s *Store, w Who, from, to int) {
	t.Helper()
	if err := s.write(func(tx *db.Tx) error {
		held := int64(0)
		for i := from; i < to; i++ {
			h := contentHash(i)
			id, fresh, err := tx.InsertContent(&db.Content{ID: 1<<40 + int64(i), Hash: h[:], Size: contentSize(i), Complete: true})
			if err != nil {
				return err
			}
			bytes, err := hold(tx, w, id, h, contentSize(i), fresh, now())
			if err != nil {
				return err
			}
			held += bytes
		}
		_, err := tx.Charge(w.Account, held)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// newTree is a store with one account that holds n contents.
func newTree(t testing.TB, n int) (*Store, Who) {
	t.Helper()
	s := openSlot(t, newFolder(t, 0), 0, nil)
	w := account(t, s, "ann")
	w.Device = 1
	for from := 0; from < n; from += 10_000 {
		holdRows(t, s, w, from, min(n, from+10_000))
	}
	return s, w
}

func putOf(parent int64, name string, content int) Change {
	return Change{Op: OpPut, Parent: Place{Node: parent}, Name: name, Kind: KindFile, Hash: contentHash(content),
		Size: contentSize(content), Mode: 0o644, Mtime: 1, Expect: ExpectAny}
}

func mkdirOf(parent int64, name string) Change {
	return Change{Op: OpMkdir, Parent: Place{Node: parent}, Name: name, Mode: 0o755, Mtime: 1, Expect: ExpectAny}
}

// listAll lists all pages, perPage entries each.
func listAll(t testing.TB, s *Store, w Who, node int64, recursive bool, perPage int) []Entry {
	t.Helper()
	var all []Entry
	for after := int64(0); ; {
		n := 0
		_, _, more, err := s.List(w, 0, node, recursive, after, func(e Entry) bool {
			if n == perPage {
				return false
			}
			n++
			all = append(all, e)
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return all
		}
		if n == 0 {
			t.Fatal("a page of nothing says there is more")
		}
		after = all[len(all)-1].Node
	}
}

// sourceTree fills the store with a tree like a source tree: folders of about ten files.
func sourceTree(b testing.TB, s *Store, w Who, nodes int) {
	var changes []Change
	var folders []int64
	for i := 0; len(folders) < nodes/10; i++ {
		parent := w.Root
		if i > 0 {
			parent = folders[(i-1)/4]
		}
		folders = append(folders, mustApply(b, s, w, mkdirOf(parent, fmt.Sprintf("folder-%d", i)))[0].Node)
	}
	for i := range nodes - len(folders) {
		changes = append(changes, putOf(folders[i%len(folders)], fmt.Sprintf("a_file_name_%d.go", i), i))
		if len(changes) == maxChanges || i == nodes-len(folders)-1 {
			mustApply(b, s, w, changes...)
			changes = changes[:0]
		}
	}
}

// A commit of 1,000 puts of new names into known folders.
func BenchmarkCommitPuts(b *testing.B) {
	s, w := newTree(b, (b.N+1)*1000)
	var folders []int64
	for i := range 100 {
		folders = append(folders, mustApply(b, s, w, mkdirOf(w.Root, fmt.Sprintf("folder-%d", i)))[0].Node)
	}
	changes := make([]Change, 1000)
	b.ResetTimer()
	for n := range b.N {
		for i := range changes {
			changes[i] = putOf(folders[i/10], fmt.Sprintf("a_file_name_%d_%d.go", n, i), n*1000+i)
			changes[i].Expect = 0
		}
		mustApply(b, s, w, changes...)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "us/name")
}

func BenchmarkList13000(b *testing.B) {
	s, w := newTree(b, 13_000)
	sourceTree(b, s, w, 13_000)
	b.ResetTimer()
	for range b.N {
		if n := len(listAll(b, s, w, 0, true, 3000)); n != 13_000 {
			b.Fatal(n)
		}
	}
}
