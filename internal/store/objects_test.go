package store

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"sluice/internal/db"
	"sluice/internal/hash"
)

func TestObjects(t *testing.T) {
	for _, test := range []struct {
		name  string
		sizes []int
	}{
		{"empty alone", []int{0}},
		{"one byte", []int{1}},
		{"some with empty ones", []int{0, 5, 0, 4096, 17, 0}},
		{"the most in memory", []int{MemoryBody}},
		{"the least in pieces", []int{MemoryBody, 1}},
		{"at the border", []int{Border, Border}},
		{"over the border", []int{Border + 1}},
		{"runs between files", []int{10, 20, Border + 1, 30, 0, Border + 7, 2 << 20, 5000}},
		{"empty around files", []int{0, Border + 1, 0}},
		{"the greatest", []int{8 << 20}},
		{"more than a window", []int{Border, Border, Border, Border, Border, Border, Border, Border, Border, 1000, Border}},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := newFolder(t, 0)
			before := descriptors(t)
			s, err := Open(Config{Data: data})
			if err != nil {
				t.Fatal(err)
			}
			w := account(t, s, "ann")
			var contents [][]byte
			total := int64(0)
			for i, n := range test.sizes {
				contents = append(contents, bytesOf(uint64(i), n))
				total += int64(n)
			}
			if failed, err := put(s, w, contents...); err != nil || failed != nil {
				t.Fatal(failed, err)
			}
			wantContents(t, s, w, contents...)
			if held := usage(t, s, w); held != total {
				t.Errorf("charged %d for %d", held, total)
			}
			// Again: charged once, no more bytes kept.
			if failed, err := put(s, w, contents...); err != nil || failed != nil {
				t.Fatal(failed, err)
			}
			if held := usage(t, s, w); held != total {
				t.Errorf("charged %d for %d after a repetition", held, total)
			}
			wantContents(t, s, w, contents...)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			audit(t, data, false)
			if after := descriptors(t); after != before {
				t.Errorf("%d descriptors before, %d after", before, after)
			}
		})
	}
}

func TestWrongHashFailsItsEntryOnly(t *testing.T) {
	for _, sizes := range [][]int{{100, 200, 300}, {100, 9000, 300}, {60000, 9000, 8000, 70000}, {Border + 1, Border + 2, 100}, {5, Border + 1, 6}} {
		t.Run(fmt.Sprint(sizes), func(t *testing.T) {
			data := newFolder(t, 0)
			s := openSlot(t, data, 0, nil)
			w := account(t, s, "ann")
			for wrong := range sizes {
				var contents [][]byte
				var hashes [][32]byte
				for i, n := range sizes {
					contents = append(contents, bytesOf(uint64(wrong*100+i), n))
					hashes = append(hashes, hash.Sum(contents[i]))
				}
				hashes[wrong][5] ^= 1
				failed, err := putAs(s, w, hashes, contents...)
				if err != nil || len(failed) != 1 || !errors.Is(failed[wrong], ErrHash) {
					t.Fatal(failed, err)
				}
				held, err := s.Have(w, hashes)
				if err != nil {
					t.Fatal(err)
				}
				for i, h := range held {
					if h == (i == wrong) {
						t.Errorf("entry %d held: %v", i, h)
					}
				}
				wantContents(t, s, w, append(contents[:wrong:wrong], contents[wrong+1:]...)...)
				audit(t, data, true)
			}
		})
	}
}

func TestAllWrongKeepsNothing(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	for _, n := range []int{100, 100 << 10, 200 << 10} {
		failed, err := putAs(s, w, make([][32]byte, 1), bytesOf(1, n))
		if err != nil || !errors.Is(failed[0], ErrHash) {
			t.Fatal(failed, err)
		}
	}
	if g := s.segments.current; g != nil && g.tail != 0 {
		t.Errorf("the segment's tail stands at %d", g.tail)
	}
	if usage(t, s, w) != 0 {
		t.Error("charged for nothing")
	}
}

func TestNobodyElsesHash(t *testing.T) {
	data := newFolder(t, 0)
	addAccount(t, data, "bob", 0)
	s := openSlot(t, data, 0, nil)
	ann, bob := account(t, s, "ann"), account(t, s, "bob")
	content := bytesOf(1, 1000)
	if _, err := put(s, ann, content); err != nil {
		t.Fatal(err)
	}
	for _, h := range [][32]byte{hash.Sum(content), {1, 2, 3}} {
		if held, err := s.Have(bob, [][32]byte{h}); err != nil || held[0] {
			t.Error(held, err)
		}
		if _, err := s.Find(bob, h); err != ErrNotFound {
			t.Errorf("%v", err)
		}
		if s.Remembered(bob, h) != nil {
			t.Error("remembered")
		}
	}
	if _, err := put(s, bob, content); err != nil { // the loser's bytes go, the hold stays
		t.Fatal(err)
	}
	wantContents(t, s, bob, content)
	if usage(t, s, bob) != 1000 || usage(t, s, ann) != 1000 {
		t.Error("each is charged for what it uploaded")
	}
}

// Two workers, many requests, the same contents: one row and one copy, everyone charged once.
func TestSameContentAtOnce(t *testing.T) {
	data := newFolder(t, 0)
	stores := []*Store{openSlot(t, data, 0, nil), openSlot(t, data, 1, nil)}
	w := account(t, stores[0], "ann")
	contents := [][]byte{bytesOf(1, 100), bytesOf(2, 30000), bytesOf(3, 200<<10), bytesOf(4, 0)}
	var group sync.WaitGroup
	for i := range 32 {
		group.Go(func() {
			if failed, err := put(stores[i%2], w, contents...); err != nil || failed != nil {
				t.Error(failed, err)
			}
		})
	}
	group.Wait()
	wantContents(t, stores[0], w, contents...)
	wantContents(t, stores[1], w, contents...)
	if held := usage(t, stores[0], w); held != 100+30000+200<<10 {
		t.Errorf("charged %d", held)
	}
	for _, s := range stores {
		if g := s.segments.current; g != nil && g.users != 0 {
			t.Errorf("%d users of an idle segment", g.users)
		}
	}
}

// At the edge of the quota, from two workers at once: not a byte over, and as much as fits.
func TestQuotaAtTheEdge(t *testing.T) {
	const each, fit = 100 << 10, 10
	data := newFolder(t, fit*each+each-1)
	stores := []*Store{openSlot(t, data, 0, nil), openSlot(t, data, 1, nil)}
	w := account(t, stores[0], "ann")
	var group sync.WaitGroup
	var mu sync.Mutex
	stored := 0
	for i := range 64 {
		group.Go(func() {
			_, err := put(stores[i%2], w, bytesOf(uint64(i+1), each))
			if err == nil {
				mu.Lock()
				stored++
				mu.Unlock()
			} else if !errors.Is(err, ErrQuota) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if held := usage(t, stores[0], w); stored != fit || held != fit*each {
		t.Errorf("%d stored, charged %d; %d fit", stored, held, fit)
	}
	// What is held already may be sent again.
	for i := range 64 {
		content := bytesOf(uint64(i+1), each)
		if held, _ := stores[0].Have(w, [][32]byte{hash.Sum(content)}); held[0] {
			if _, err := put(stores[0], w, content); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestAccountGone(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	in, err := s.ObjectsBegin(w, [][32]byte{hash.Sum(nil)}, []int64{0})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.UserRemove("ann"); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Finish(nil); !errors.Is(err, ErrRevoked) {
		t.Error(err)
	}
	if _, err := s.ObjectsBegin(w, [][32]byte{hash.Sum(nil)}, []int64{0}); !errors.Is(err, ErrRevoked) {
		t.Error(err)
	}
}

// A content whose last name went is doomed, and stands again when it is uploaded again.
func TestDoomedIsResurrected(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	content := bytesOf(1, 500)
	doomed := func() (n int64) {
		s.read(func(tx *db.Tx) error {
			_, err := db.TableOf(tx).Row(`SELECT count(*) FROM content WHERE doomed IS NOT NULL`, nil, &n)
			return err
		})
		return n
	}
	if _, err := put(s, w, content); err != nil {
		t.Fatal(err)
	}
	if err := s.sweep(t.Context(), afterHolds()); err != nil {
		t.Fatal(err)
	}
	if doomed() != 1 || usage(t, s, w) != 0 {
		t.Errorf("%d doomed, charged %d", doomed(), usage(t, s, w))
	}
	if _, err := s.Find(w, hash.Sum(content)); err != ErrNotFound {
		t.Error(err)
	}
	if _, err := put(s, w, content); err != nil {
		t.Fatal(err)
	}
	if doomed() != 0 {
		t.Error("still doomed")
	}
	wantContents(t, s, w, content)
}

func TestAbortGivesBack(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	tail := int64(-1)
	for range 5 {
		in, err := s.ObjectsBegin(w, make([][32]byte, 3), []int64{100 << 10, 1 << 20, 50})
		if err != nil {
			t.Fatal(err)
		}
		in.Abort()
		in.Abort()
		if tail >= 0 && s.segments.current.tail != tail {
			t.Errorf("the tail moved from %d to %d", tail, s.segments.current.tail)
		}
		tail = s.segments.current.tail
	}
	if n := filesOpen(t, data); n != 1 {
		t.Errorf("%d files open, not the segment alone", n)
	}
	audit0(t, s)
}

// audit0 wants no object file at all.
func audit0(t *testing.T, s *Store) {
	t.Helper()
	dir := s.folder.objectFolder(s.life.high)
	if left, err := numbered(dir, 0, 1<<62); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestSpareRunsAreReused(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	a, _ := s.ObjectsBegin(w, make([][32]byte, 1), []int64{100 << 10})
	b, err := s.ObjectsBegin(w, make([][32]byte, 1), []int64{100 << 10})
	if err != nil {
		t.Fatal(err)
	}
	first := a.Pieces()[0].Offset
	a.Abort()
	c, err := s.ObjectsBegin(w, make([][32]byte, 1), []int64{80 << 10})
	if err != nil {
		t.Fatal(err)
	}
	if c.Pieces()[0].Offset != first {
		t.Error("the spare run was not taken")
	}
	b.Abort()
	c.Abort()
}

func TestSegmentIsFull(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	in, err := s.ObjectsBegin(w, make([][32]byte, 1), []int64{100 << 10})
	if err != nil {
		t.Fatal(err)
	}
	old := s.segments.current
	s.segments.mu.Lock()
	old.tail = segmentSize - page
	s.segments.mu.Unlock()
	content := bytesOf(1, 100<<10)
	if _, err := put(s, w, content); err != nil {
		t.Fatal(err)
	}
	if s.segments.current == old || !old.retired {
		t.Error("no new segment")
	}
	in.Abort()
	wantContents(t, s, w, content)
}
