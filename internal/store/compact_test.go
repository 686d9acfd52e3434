package store

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
	"sluice/internal/hash"
)

// mostlyDead gives a store after another, whose only segment holds living contents of living and many dead ones.
func mostlyDead(t *testing.T, data string, living [][]byte) *Store {
	t.Helper()
	before, err := Open(Config{Data: data, Slot: 1})
	must(t, err)
	must(t, doom(before, account(t, before, "ann"), len(living), append(living, many(1000, 60, 5000)...)...))
	must(t, before.Close())
	return openSlot(t, data, 0, nil)
}

func onlySegment(t testing.TB, s *Store) int64 {
	t.Helper()
	var all []int64
	must(t, s.read(func(tx *db.Tx) (err error) {
		all, err = tx.Segments()
		return err
	}))
	if len(all) != 1 {
		t.Fatalf("%d segments", len(all))
	}
	return all[0]
}

func TestCompact(t *testing.T) {
	data := newFolder(t, 0)
	living := many(1, 7, 3000)
	s := mostlyDead(t, data, living)
	w := account(t, s, "ann")
	old := onlySegment(t, s)
	reader := openSlot(t, data, 2, nil)
	location, err := reader.Find(w, hash.Sum(living[3]))
	must(t, err)
	cached, err := s.Find(w, hash.Sum(living[4]))
	must(t, err)
	open, err := cached.Open()
	must(t, err)

	done, err := collectLater(s)
	if err != nil || done.Segments != 1 || done.Copied != 7*3000 || done.Contents != 60 || done.Tails == 0 {
		t.Fatal(done, err)
	}
	if n := onlySegment(t, s); n == old || there(s.folder.segment(old)) {
		t.Error("the old one is there")
	}
	wantContents(t, s, w, living...)
	// A body that is being sent goes on; what is remembered and was not opened is looked up again.
	b := make([]byte, 3000)
	must(t, open.ReadAt(b, 0))
	if hash.Sum(b) != hash.Sum(living[4]) {
		t.Error("a reader of the old segment reads something else")
	}
	open.Release()
	if _, err := location.Open(); !errors.Is(err, ErrNotFound) {
		t.Errorf("the old place: %v", err)
	}
	found, err := reader.FindAgain(w, [][32]byte{hash.Sum(living[3])})
	must(t, err)
	f, err := found[0].Open()
	must(t, err)
	f.Release()
	audit(t, data, true)
	// Nothing is left to do.
	if done, err = collectLater(s); err != nil || done.Segments != 0 || done.Copied != 0 {
		t.Error(done, err)
	}
}

// Where nothing can be allocated ahead a segment's file ends with its last content, and not with a page.
func TestMeasureWithoutAllocation(t *testing.T) {
	data := newFolder(t, 0)
	before, err := Open(Config{Data: data, Slot: 1})
	must(t, err)
	_, err = put(before, account(t, before, "ann"), bytesOf(1, 60_000))
	must(t, err)
	must(t, before.Close())
	s := openSlot(t, data, 0, nil)
	must(t, os.Truncate(s.folder.segment(onlySegment(t, s)), 60_000))
	_, err = collectLater(s)
	must(t, err)
	audit(t, data, true)
}

// Descriptors of removed segments are not kept: they keep the room.
func TestRemovedFilesAreClosed(t *testing.T) {
	data := newFolder(t, 0)
	living := many(1, 3, 3000)
	s := mostlyDead(t, data, living)
	reader := openSlot(t, data, 2, nil)
	w := account(t, reader, "ann")
	wantContents(t, reader, w, living...)
	before := filesOpen(t, data)
	_, err := collectLater(s)
	must(t, err)
	reader.files.dropRemoved()
	if after := filesOpen(t, data); after > before { // the collector's own segment instead of the reader's old one
		t.Errorf("%d files of the data folder are open, %d before", after, before)
	}
	wantContents(t, reader, w, living...)
}

// What lives in a mostly dead segment and is not what its hash says is not copied, and neither it nor its segment is lost.
func TestCompactDamaged(t *testing.T) {
	data := newFolder(t, 0)
	living := many(1, 3, 3000)
	s := mostlyDead(t, data, living)
	w := account(t, s, "ann")
	l, err := s.Find(w, hash.Sum(living[1]))
	must(t, err)
	fd, err := unix.Open(s.folder.segment(onlySegment(t, s)), unix.O_RDWR|unix.O_CLOEXEC, 0)
	must(t, err)
	must(t, writeAt(fd, []byte{living[1][5] ^ 1}, l.offset+5))
	unix.Close(fd)
	stuck := make(map[int64]bool)
	for range 2 {
		done, err := s.newCollector(afterHolds(), 0, stuck).round(t.Context())
		if err != nil || done.Segments != 0 || done.Copied != 0 {
			t.Fatal(done, err)
		}
	}
	if len(stuck) != 1 {
		t.Error("it is tried again and again")
	}
	wantContents(t, s, w, living[0], living[2])
}

// A full segment that a running life has ended is compacted too.
func TestCompactRetired(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	living := many(1, 4, 2000)
	must(t, doom(s, w, 4, append(living, many(1000, 30, 4000)...)...))
	done, err := collectLater(s)
	if err != nil || done.Segments != 0 || done.Contents != 30 {
		t.Fatal("while it is written to:", done, err)
	}
	s.spoil(s.segments.current)
	done, err = collectLater(s)
	if err != nil || done.Segments != 1 || done.Copied != 4*2000 {
		t.Fatal(done, err)
	}
	wantContents(t, s, w, living...)
	// One that is written to is ended early when most of it is dead.
	must(t, doom(s, w, 4, append(living, many(2000, 300, 4000)...)...))
	done, err = collectLater(s)
	if err != nil || done.Segments != 1 || done.Contents != 300 {
		t.Fatal(done, err)
	}
	wantContents(t, s, w, living...)
	audit(t, data, true)
}

// On a disk without room for the copy nothing moves and nothing is lost; a segment in which nothing lives goes all the same.
func TestCompactOnAFullDisk(t *testing.T) {
	data := smallDisk(t, "24m")
	living := many(1, 8, 100<<10)
	s := mostlyDead(t, data, living)
	w := account(t, s, "ann")
	d, err := s.disk()
	must(t, err)
	fd, err := unix.Open(s.folder.in("page"), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	must(t, err)
	defer unix.Close(fd)
	must(t, allocate(fd, 0, d.free-d.reserve))
	if _, err := collectLater(s); err != nil || s.ReadOnly() {
		t.Fatal(err)
	}
	wantContents(t, s, w, living...)
	must(t, os.Truncate(s.folder.in("page"), 0))
	if done, err := collectLater(s); err != nil {
		t.Fatal(done, err)
	}
	wantContents(t, s, w, living...)
	audit(t, data, true)
}

// An error of the disk at any step of a copy: what lived is where it was, or where it was copied to.
func TestCompactFails(t *testing.T) {
	for _, at := range []string{"sync a segment", "segment copied", "transaction", "segment moved", "segment removed"} {
		for _, fault := range []error{unix.ENOSPC, unix.EDQUOT} {
			t.Run(at+" "+fault.Error(), func(t *testing.T) {
				data := newFolder(t, 0)
				living := many(1, 5, 3000)
				mostlyDead(t, data, living)
				broken := false
				s := openSlot(t, data, 3, func(step string) error {
					if broken && step == at {
						return fault
					}
					return nil
				})
				w := account(t, s, "ann")
				before := usage(t, s, w)
				_, err := s.newCollector(afterHolds(), 0, make(map[int64]bool)).pastContents(t)
				must(t, err)
				broken = true
				collectLater(s)
				broken = false
				if s.ReadOnly() {
					t.Error("the store has stopped writing")
				}
				wantContents(t, s, w, living...)
				done, err := collectLater(s)
				if err != nil {
					t.Fatal(done, err)
				}
				wantContents(t, s, w, living...)
				if held := usage(t, s, w); held != before {
					t.Errorf("charged %d instead of %d", held, before)
				}
				audit(t, data, true)
			})
		}
	}
}

// pastContents carries out the first half of a round.
func (c *collector) pastContents(t *testing.T) (Collected, error) {
	err := c.contents(t.Context())
	return c.result, err
}
