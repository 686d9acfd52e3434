package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"sluice/internal/db"
	"sluice/internal/hash"
)

// rot flips one bit of a kept content, on the disk.
func rot(t *testing.T, s *Store, w Who, content []byte) {
	t.Helper()
	l, err := s.Find(w, hash.Sum(content))
	if err != nil {
		t.Fatal(err)
	}
	path := s.folder.object(l.file.number)
	if l.file.segment {
		path = s.folder.segment(l.file.number)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := l.offset + l.Size/2
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

func scrub(t *testing.T, s *Store, config ScrubConfig) ScrubReport {
	t.Helper()
	report, err := s.Scrub(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestScrub: every rotten content is found, nothing of it is served, have says that it is wanted, and the upload of the same
// bytes heals it for all who name it, whichever way they come.
func TestScrub(t *testing.T) {
	data := newFolder(t, 0)
	addAccount(t, data, "bob", 0)
	s := openSlot(t, data, 0, nil)
	ann, bob := account(t, s, "ann"), account(t, s, "bob")
	small, own, large := bytesOf(1, 9000), bytesOf(2, 300<<10), bytesOf(3, ChunkSize+5000)
	sound := bytesOf(4, 7000)
	for _, w := range []Who{ann, bob} {
		if failed, err := put(s, w, small, own, sound); err != nil || failed != nil {
			t.Fatal(failed, err)
		}
		if err := uploadWhole(s, w, byte(w.Account), large, int64(len(large))); err != nil {
			t.Fatal(err)
		}
	}
	// Ann names them all, one of them twice and once in the past; bob only holds them.
	mustApply(t, s, ann, fileOf(ann.Root, "small", small), fileOf(ann.Root, "own", own), fileOf(ann.Root, "large", large), fileOf(ann.Root, "sound", sound))
	mustApply(t, s, ann, fileOf(ann.Root, "again", own), fileOf(ann.Root, "large", sound))
	before := usage(t, s, ann)

	if r := scrub(t, s, ScrubConfig{}); r.Contents != 4 || r.Damaged != 0 || !r.Whole {
		t.Errorf("%+v", r)
	}
	rotten := [][]byte{small, own, large}
	for _, c := range rotten {
		rot(t, s, ann, c)
	}
	if r := scrub(t, s, ScrubConfig{DryRun: true}); r.Damaged != 3 {
		t.Errorf("dry: %+v", r)
	}
	wantContents(t, s, ann, sound)
	told := 0
	if r := scrub(t, s, ScrubConfig{Tell: func(Finding) { told++ }}); r.Damaged != 3 || told != 3 {
		t.Errorf("%+v, %d told", r, told)
	}
	if r := scrub(t, s, ScrubConfig{}); r.Damaged != 0 || r.Known != 3 {
		t.Errorf("again: %+v", r)
	}
	time.Sleep(rightsKept) // what was remembered is no longer believed
	for _, c := range rotten {
		h := hash.Sum(c)
		if _, err := s.Find(ann, h); !errors.Is(err, ErrSpoiled) || s.Remembered(ann, h) != nil {
			t.Error(err)
		}
		if all, err := s.FindAll(ann, [][32]byte{h}); err != nil || !all[0].Spoiled {
			t.Error(all, err)
		} else if _, err := all[0].Open(); !errors.Is(err, ErrSpoiled) {
			t.Error(err)
		}
		if held, err := s.Have(ann, [][32]byte{h}); err != nil || held[0] {
			t.Error("held", err)
		}
		if _, _, err := s.Signature(context.Background(), ann, h, 64<<10, 0, 1, false); err != ErrNotFound {
			t.Error(err)
		}
		fates, err := commit(s, ann, false, []Change{fileOf(ann.Root, "new", c)})
		if err != nil || !errors.Is(fates[0].Err, ErrNotUploaded) {
			t.Error(fates, err)
		}
	}
	h, err := s.Health()
	if err != nil || h.Damaged != 3 {
		t.Error(h.Damaged, err)
	}

	if failed, err := put(s, bob, small, own, sound, small); err != nil || failed != nil {
		t.Fatal(failed, err)
	}
	if err := uploadWhole(s, ann, 77, large, int64(len(large))); err != nil {
		t.Fatal(err)
	}
	for _, w := range []Who{ann, bob} {
		wantContents(t, s, w, small, own, large, sound)
	}
	if now := usage(t, s, ann); now != before {
		t.Errorf("charged %d, before %d", now, before)
	}
	if err := s.discardAll(); err != nil {
		t.Fatal(err)
	}
	audit(t, data, true)
	if r := scrub(t, s, ScrubConfig{}); r.Contents != 4 || r.Damaged+r.Known != 0 {
		t.Errorf("healed: %+v", r)
	}
}

// A file that is brought back is served again.
func TestScrubFindsSound(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	c := bytesOf(1, 200<<10)
	if _, err := put(s, w, c); err != nil {
		t.Fatal(err)
	}
	rot(t, s, w, c)
	scrub(t, s, ScrubConfig{})
	path := s.folder.object(s.life.high)
	if err := os.WriteFile(path, c, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := scrub(t, s, ScrubConfig{}); r.Sound != 1 {
		t.Errorf("%+v", r)
	}
	wantContents(t, s, w, c)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if r := scrub(t, s, ScrubConfig{}); r.Damaged != 1 {
		t.Errorf("gone: %+v", r)
	}
}

// Shares follow one another until a round is whole; parts make the whole; a stopped one goes on where it was.
func TestScrubInShares(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	for i := range 20 {
		if _, err := put(s, w, bytesOf(uint64(i), 1000)); err != nil {
			t.Fatal(err)
		}
	}
	read := int64(0)
	rounds := 0
	for whole := false; !whole; rounds++ {
		r := scrub(t, s, ScrubConfig{Share: 0.25})
		read, whole = read+r.Contents, r.Whole
	}
	if read != 20 || rounds != 5 { // the fifth finds the end
		t.Errorf("%d contents in %d rounds", read, rounds)
	}
	read = 0
	for part := int64(1); part <= 3; part++ {
		read += scrub(t, s, ScrubConfig{Part: part, Of: 3}).Contents
	}
	if read != 20 {
		t.Errorf("%d contents in three parts", read)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := s.Scrub(ctx, ScrubConfig{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	began := time.Now()
	if scrub(t, s, ScrubConfig{Rate: 40_000}); time.Since(began) < 300*time.Millisecond { // 20,000 bytes, less what a tenth of a second allows
		t.Error("the rate was not held")
	}
	l, err := lockFile(s.folder.scrubLock(), exclusive, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.unlock()
	if _, err := s.Scrub(context.Background(), ScrubConfig{}); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	var state db.Scrub
	if err := s.read(func(tx *db.Tx) (err error) { state, err = tx.Scrub(); return err }); err != nil || state.Finished == 0 || state.Next != 0 {
		t.Error(state, err)
	}
}

// A small content that very many names share is healed by one row: its own.
func TestHealOfManyNames(t *testing.T) {
	data := newFolder(t, 0)
	addAccount(t, data, "bob", 0)
	s := openSlot(t, data, 0, nil)
	ann, bob := account(t, s, "ann"), account(t, s, "bob")
	shared, beside := bytesOf(1, 5000), bytesOf(2, 5000)
	if failed, err := put(s, ann, shared, beside); err != nil || failed != nil {
		t.Fatal(failed, err)
	}
	var changes []Change
	for i := range 1000 {
		changes = append(changes, fileOf(ann.Root, fmt.Sprint(i), shared))
	}
	mustApply(t, s, ann, append(changes[:999:999], fileOf(ann.Root, "beside", beside))...)
	id := func() (id int64) {
		h := hash.Sum(shared)
		must(t, s.read(func(tx *db.Tx) (err error) {
			id, err = tx.ContentByHash(h[:])
			return err
		}))
		return id
	}
	before := id()
	for round := range 3 { // by one in memory, by one among pieces, and again
		rot(t, s, ann, shared)
		if r := scrub(t, s, ScrubConfig{}); r.Damaged != 1 {
			t.Fatalf("%+v", r)
		}
		time.Sleep(rightsKept)
		if _, err := s.Find(ann, hash.Sum(shared)); !errors.Is(err, ErrSpoiled) {
			t.Fatal(err)
		}
		contents := [][]byte{shared, bytesOf(10, 10), shared}
		if round == 1 {
			contents = append(contents, bytesOf(11, 90<<10), bytesOf(12, 300<<10))
		}
		if failed, err := put(s, bob, contents...); err != nil || failed != nil {
			t.Fatal(failed, err)
		}
		wantContents(t, s, ann, shared, beside)
		wantContents(t, s, bob, contents...)
		if id() != before {
			t.Error("the names were changed, each of them")
		}
		if err := s.discardAll(); err != nil {
			t.Fatal(err)
		}
		audit(t, data, true)
	}
	// What is dead of the segment is known: most of it living, it stays; the rest of its contents gone, it goes.
	s.spoil(s.segments.current)
	if _, err := collectLater(s); err != nil {
		t.Fatal(err)
	}
	audit(t, data, true)
	wantContents(t, s, ann, shared, beside)
}

// What is damaged gets no more names by a copy: who has its bytes sends them, and heals it.
func TestCopyOfDamaged(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	good, bad := bytesOf(1, 5000), bytesOf(2, 5000)
	if failed, err := put(s, w, good, bad); err != nil || failed != nil {
		t.Fatal(failed, err)
	}
	f := mustApply(t, s, w, mkdirOf(w.Root, "a"), mkdirOf(w.Root, "b"))
	mustApply(t, s, w, mkdirOf(f[0].Node, "deep"))
	n := mustApply(t, s, w, fileOf(at(t, s, w, "a/deep").Node, "x", bad), fileOf(f[1].Node, "y", good))
	rot(t, s, w, bad)
	if r := scrub(t, s, ScrubConfig{}); r.Damaged != 1 {
		t.Fatalf("%+v", r)
	}
	copies := func(node int64, name string) error {
		return apply(t, s, w, Change{Op: OpCopy, Node: node, Parent: Place{Node: w.Root}, Name: name})[0].Err
	}
	for what, node := range map[string]int64{"the folder": f[0].Node, "the file": n[0].Node} {
		if err := copies(node, what); !errors.Is(err, ErrSpoiled) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := copies(f[1].Node, "another"); err != nil {
		t.Error(err)
	}
	if failed, err := put(s, w, bad); err != nil || failed != nil {
		t.Fatal(failed, err)
	}
	if err := copies(f[0].Node, "healed"); err != nil {
		t.Error(err)
	}
}
