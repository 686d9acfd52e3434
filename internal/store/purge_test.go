package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"sluice/internal/db"
)

// inDays is a time so many days from now.
func inDays(n float64) time.Time { return time.Now().Add(time.Duration(n * float64(24*time.Hour))) }

// pastRows counts rows of past and node.
func countRows(t *testing.T, s *Store) (names, past int64) {
	t.Helper()
	must(t, s.read(func(tx *db.Tx) error {
		c, err := tx.CountRows()
		names, past = c.Names, c.Past
		return err
	}))
	return names, past
}

func trashOf(t *testing.T, s *Store, w Who) (all []Trashed) {
	t.Helper()
	_, _, _, err := s.Trash(w, 0, 0, func(e Trashed) bool { all = append(all, e); return true })
	must(t, err)
	return all
}

// What is past its time goes, with all that belongs to it, and its bytes are given back; what is not stays.
func TestPurge(t *testing.T) {
	s, w := newTree(t, 10)
	ctx := context.Background()
	f := mustApply(t, s, w,
		mkdirOf(w.Root, "stays"), mkdirOf(w.Root, "goes"),
		Change{Op: OpMkdir, Parent: Place{Entry: 1}, Name: "deep", Mode: 0o755})
	stays, goes, deep := f[0].Node, f[1].Node, f[2].Node
	var changes []Change
	for i := range 600 { // more than a few batches
		changes = append(changes, putOf(deep, fmt.Sprint(i), i%10))
	}
	mustApply(t, s, w, changes...)
	again := func(parent int64, name string, content int) Change {
		c := putOf(parent, name, content)
		c.Expect = ExpectAny
		return c
	}
	mustApply(t, s, w, again(deep, "1", 2), again(deep, "1", 3), again(stays, "f", 1), again(stays, "f", 2))
	for i := range 450 { // many versions of one name that is deleted
		mustApply(t, s, w, again(stays, "often", 1+i%4))
	}
	mustApply(t, s, w, Change{Op: OpDelete, Node: at(t, s, w, "stays/often").Node, Expect: ExpectAny},
		Change{Op: OpMove, Node: at(t, s, w, "stays/f").Node, Parent: Place{Node: w.Root}, Name: "f", ExpectNode: ExpectAny},
		Change{Op: OpDelete, Node: goes, Expect: ExpectAny, Recursive: true})
	epoch, since, _, err := s.Stat(w, 0, 0, nil)
	must(t, err)
	before := now()
	journal1 := since
	must(t, s.purge(ctx, inDays(29)))
	if all := trashOf(t, s, w); len(all) != 2 || all[0].Names != 601 || all[0].Size == 0 {
		t.Fatalf("the trash holds %+v", all)
	}
	_, past := countRows(t, s)
	if past < 450 {
		t.Fatalf("%d past rows", past)
	}
	mustApply(t, s, w, again(w.Root, "f", 3))
	must(t, s.purge(ctx, inDays(31)))
	if names, past := countRows(t, s); names != 3 || past != 0 {
		t.Errorf("%d names, %d past", names, past)
	}
	if all := trashOf(t, s, w); len(all) != 0 {
		t.Errorf("the trash holds %+v", all)
	}
	if _, _, _, err := s.Changes(w, 0, epoch, 5, nil); !errors.Is(err, ErrEpoch) {
		t.Errorf("changes since forgotten deletes: %v", err)
	}
	if _, _, _, err := s.Changes(w, 0, epoch, journal1, func(Entry) bool { return true }); err != nil {
		t.Errorf("changes since the last delete: %v", err)
	}
	for _, old := range []int64{before, before - 1} {
		if _, err := listAt(s, w, w.Root, old, 10); !errors.Is(err, ErrNotKept) {
			t.Errorf("as of then: %v", err)
		}
	}
	if _, err := listAt(s, w, w.Root, now(), 10); err != nil {
		t.Errorf("as of now: %v", err)
	}
	checkCharges(t, s, w)
	checkFaults(t, s)
}

// A person who empties the trash keeps the versions of what stands.
func TestTrashEmpty(t *testing.T) {
	s, w := newTree(t, 10)
	ctx := context.Background()
	top := mustApply(t, s, w, mkdirOf(w.Root, "d"))[0].Node
	mustApply(t, s, w, putOf(top, "a", 1), putOf(top, "b", 2), putOf(w.Root, "f", 3))
	then := now()
	mustApply(t, s, w, Change{Op: OpDelete, Node: at(t, s, w, "d/a").Node, Expect: ExpectAny})
	middle := now()
	g := putOf(w.Root, "f", 4)
	g.Expect = ExpectAny
	mustApply(t, s, w, g, Change{Op: OpDelete, Node: top, Expect: ExpectAny, Recursive: true})
	names := int64(-1)
	empty := func(once Once, before int64, dry bool) {
		t.Helper()
		names = -1
		_, err := s.TrashEmpty(ctx, w, once, 0, before, dry, func(n int64) []byte { names = n; return []byte("done") })
		must(t, err)
	}
	empty(newOnceTest(), now(), true)
	if names != 2 || len(trashOf(t, s, w)) != 2 {
		t.Fatalf("%d names would go, %d are there", names, len(trashOf(t, s, w)))
	}
	once := newOnceTest()
	empty(once, middle, false)
	if all := trashOf(t, s, w); names != 1 || len(all) != 1 || all[0].Node != top {
		t.Fatalf("%d names went, left %+v", names, all)
	}
	empty(once, now(), false) // a repetition: the trash is not asked
	if len(trashOf(t, s, w)) != 1 || names != -1 {
		t.Fatal("a repetition emptied it again")
	}
	empty(newOnceTest(), now(), false)
	if all := trashOf(t, s, w); len(all) != 0 {
		t.Fatalf("left %+v", all)
	}
	if got, err := listAt(s, w, w.Root, then, 10); err != nil || len(got) != 1 || got[0].Hash != contentHash(3) {
		t.Errorf("as of then: %+v, %v", got, err)
	}
	if names, past := countRows(t, s); names != 2 || past != 1 {
		t.Errorf("%d names, %d past", names, past)
	}
	checkCharges(t, s, w)
	checkFaults(t, s)
	if _, err := s.TrashEmpty(ctx, Who{Account: 77, Namespace: 1}, newOnceTest(), 1, now(), false, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("somebody else's trash: %v", err)
	}
}

// Old moments grow fewer: who changed what is still told, when a little less exactly.
func TestThin(t *testing.T) {
	s, w := newTree(t, 10)
	base := now() - int64(100*24*time.Hour)
	base -= base % int64(time.Hour)
	must(t, s.write(func(tx *db.Tx) error {
		for _, m := range []db.Moment{
			{Journal: 1001, At: base + 1, Device: 1}, {Journal: 1002, At: base + 2, Device: 1}, {Journal: 1003, At: base + 3, Device: 2},
			{Journal: 1004, At: base + int64(30*time.Minute), Device: 2}, {Journal: 1005, At: base + int64(2*time.Hour), Device: 2},
			{Journal: 1006, At: now() - int64(50*time.Hour), Device: 2}, {Journal: 1007, At: now(), Device: 2}, {Journal: 1008, At: now() + 1, Device: 2},
		} {
			if err := tx.InsertMoment(w.Namespace, m); err != nil {
				return err
			}
		}
		return nil
	}))
	must(t, s.thin(context.Background(), time.Now()))
	for journal, want := range map[int64]int64{1001: 1002, 1002: 1002, 1003: 1004, 1005: 1005, 1006: 1006, 1007: 1007, 1008: 1008} {
		must(t, s.read(func(tx *db.Tx) error {
			m, found, err := tx.MomentOf(w.Namespace, journal)
			if !found || m.Journal != want {
				t.Errorf("%d belongs to %+v, not to %d", journal, m, want)
			}
			return err
		}))
	}
}
