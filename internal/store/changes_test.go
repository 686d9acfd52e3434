package store

import (
	"errors"
	"fmt"
	"testing"

	"sluice/internal/db"
)

func TestChangesEpoch(t *testing.T) {
	s, w := newSample(t)
	epoch, journal, _, err := s.Stat(w, 0, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name         string
		epoch, since int64
		err          error
		news         int
	}{
		{"all", epoch, 0, nil, 7}, // the root too
		{"some", epoch, journal - 2, nil, 2},
		{"none", epoch, journal, nil, 0},
		{"the future", epoch, journal + 1, ErrEpoch, 0},
		{"another history", epoch + 1, 0, ErrEpoch, 0},
		{"no history", 0, journal, ErrEpoch, 0},
	} {
		news := 0
		now, number, more, err := s.Changes(w, 0, c.epoch, c.since, func(Entry) bool { news++; return true })
		if !errors.Is(err, c.err) || news != c.news || more || now != epoch || number != journal {
			t.Errorf("%s: %d news, %d %d %v %v", c.name, news, now, number, more, err)
		}
	}
}

// Pages end at their limits, also where thousands of names lie below deleted folders.
func TestChangesPages(t *testing.T) {
	s, w := newTree(t, 10)
	epoch, before, _, _ := s.Stat(w, 0, 0, nil)
	for i := range 3 {
		top := mustApply(t, s, w, mkdirOf(w.Root, fmt.Sprint("gone", i)))[0].Node
		for part := range 8 {
			var changes []Change
			for i := range 1000 {
				changes = append(changes, putOf(top, fmt.Sprintf("%d %d", part, i), i%10))
			}
			mustApply(t, s, w, changes...)
		}
		mustApply(t, s, w, Change{Op: OpDelete, Node: top, Expect: ExpectAny, Recursive: true})
	}
	var changes []Change
	for i := range 1000 {
		changes = append(changes, putOf(w.Root, fmt.Sprint(i), i%10))
	}
	mustApply(t, s, w, changes...)
	mustApply(t, s, w, putOf(w.Root, "last", 1))
	since, pages, names, gone := before, 0, 0, 0
	for {
		n := 0
		last := since
		_, journal, more, err := s.Changes(w, 0, epoch, since, func(e Entry) bool {
			n++
			last = e.Version
			if e.Deleted {
				gone++
			} else {
				names++
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if n > maxNews {
			t.Errorf("a page of %d", n)
		}
		pages++
		if !more {
			if journal < last {
				t.Error("told more than there is")
			}
			break
		}
		if last == since {
			t.Fatal("no page goes on from here")
		}
		since = last
	}
	if names != 1001 || gone != 3*8001 {
		t.Errorf("%d names, %d deleted on %d pages", names, gone, pages)
	}
}

func TestQuota(t *testing.T) {
	s := openSlot(t, newFolder(t, 2000), 0, nil)
	w := account(t, s, "ann")
	holdRows(t, s, w, 0, 10) // 0, 100, 200, 300, 400, and again: all that may be held
	var puts []Change
	for i := range 10 {
		puts = append(puts, putOf(w.Root, fmt.Sprint(i), i))
	}
	mustApply(t, s, w, puts...) // to name what is held costs nothing
	checkCharges(t, s, w)
	used, held, limit, err := s.Usage(w)
	if used != 2000 || held != 0 || limit != 2000 || err != nil {
		t.Fatal(used, held, limit, err)
	}
	root := Place{Node: w.Root}
	f := apply(t, s, w,
		putOf(w.Root, "again", 1),
		putOf(w.Root, "empty", 0),
		Change{Op: OpCopy, Node: at(t, s, w, "1").Node, Parent: root, Name: "copy"},
		Change{Op: OpCopy, Node: at(t, s, w, "0").Node, Parent: root, Name: "copy of the empty one"},
		putOf(w.Root, "2", 1), // the old version stays charged
		mkdirOf(w.Root, "folder"),
		Change{Op: OpMove, Node: at(t, s, w, "1").Node, Parent: root, Name: "moved", ExpectNode: ExpectAny},
		Change{Op: OpDelete, Node: at(t, s, w, "4").Node, Expect: ExpectAny},
		putOf(w.Root, "again", 1),
	)
	for i, refused := range []bool{true, false, true, false, true, false, false, false, true} {
		if errors.Is(f[i].Err, ErrQuota) != refused || !refused && f[i].Err != nil {
			t.Errorf("entry %d: %v", i, f[i].Err)
		}
	}
	checkCharges(t, s, w)
	// A lower quota keeps nobody from naming what is held.
	if err := s.write(func(tx *db.Tx) error { return tx.SetQuota(w.Account, 2400) }); err != nil {
		t.Fatal(err)
	}
	holdRows(t, s, w, 14, 15)
	if err := s.write(func(tx *db.Tx) error { return tx.SetQuota(w.Account, 10) }); err != nil {
		t.Fatal(err)
	}
	f = apply(t, s, w, putOf(w.Root, "held", 14), putOf(w.Root, "held twice", 14))
	if f[0].Err != nil || !errors.Is(f[1].Err, ErrQuota) {
		t.Error(f)
	}
	checkCharges(t, s, w)
}

// What is released by earlier entries makes room for later ones.
func TestQuotaWithinACommit(t *testing.T) {
	s := openSlot(t, newFolder(t, 1000), 0, nil)
	w := account(t, s, "ann")
	holdRows(t, s, w, 0, 4) // 600
	mustApply(t, s, w, putOf(w.Root, "1", 1), putOf(w.Root, "2", 2), putOf(w.Root, "3", 3), putOf(w.Root, "4", 3), putOf(w.Root, "5", 1))
	if f := apply(t, s, w, putOf(w.Root, "6", 1)); !errors.Is(f[0].Err, ErrQuota) {
		t.Error(f)
	}
	if err := s.write(func(tx *db.Tx) error { return tx.SetQuota(w.Account, 1250) }); err != nil {
		t.Fatal(err)
	}
	f := apply(t, s, w, putOf(w.Root, "6", 1), putOf(w.Root, "7", 1), putOf(w.Root, "8", 1))
	if f[0].Err != nil || f[1].Err != nil || !errors.Is(f[2].Err, ErrQuota) {
		t.Error(f)
	}
	checkCharges(t, s, w)
}

func TestCopyIsBounded(t *testing.T) {
	s, w := newTree(t, 10)
	top := mustApply(t, s, w, mkdirOf(w.Root, "0"))[0].Node
	var changes []Change
	for i := range 999 {
		changes = append(changes, putOf(top, fmt.Sprint(i), i%10))
	}
	mustApply(t, s, w, changes...)
	// 1,000 names doubled six times within themselves; the seventh time is one too many.
	changes = nil
	for i := range 7 {
		changes = append(changes, Change{Op: OpCopy, Node: top, Parent: Place{Node: top}, Name: fmt.Sprint("copy", i)})
	}
	f := apply(t, s, w, changes...)
	for i, fate := range f {
		if errors.Is(fate.Err, ErrRange) != (i == 6) || i < 6 && fate.Err != nil {
			t.Errorf("copy %d: %v", i, fate.Err)
		}
	}
	if n := len(listAll(t, s, w, 0, true, 10_000)); n != 64_000 {
		t.Errorf("%d names", n)
	}
	checkCharges(t, s, w)
}

func TestDepthIsBounded(t *testing.T) {
	s, w := newTree(t, 1)
	at := w.Root
	for range 5 {
		changes := []Change{mkdirOf(at, "d")}
		for i := range 999 {
			changes = append(changes, Change{Op: OpMkdir, Parent: Place{Entry: i}, Name: "d"})
		}
		for _, f := range apply(t, s, w, changes...) {
			if f.Err == nil {
				at = f.Node
			} else if !errors.Is(f.Err, ErrRange) && !errors.Is(f.Err, ErrNotFound) {
				t.Fatal(f.Err)
			}
		}
	}
	n := len(listAll(t, s, w, 0, true, 1000))
	if n < maxDepth || n > maxDepth+maxChanges {
		t.Errorf("%d folders deep", n)
	}
	if f := mustApply(t, s, w, Change{Op: OpDelete, Node: listAll(t, s, w, 0, false, 10)[0].Node, Expect: ExpectAny, Recursive: true}); f[0].Version == 0 {
		t.Error(f)
	}
}

// Two workers of one folder commit at once: every number is given once, and both are served.
func TestCommitFromTwoWorkers(t *testing.T) {
	a, w := newTree(t, 10)
	stores := []*Store{a, openSlot(t, a.config.Data, 1, nil)}
	done := make(chan map[int64]bool)
	for i, s := range stores {
		go func() {
			numbers := map[int64]bool{}
			for n := range 40 {
				both := putOf(w.Root, "both", n%10)
				both.Mtime = int64(100*i + n) // never the same again, which would take no number
				fates, err := commit(s, w, false, []Change{putOf(w.Root, fmt.Sprintf("%d-%d", i, n), n%10), both})
				if err != nil {
					t.Error(err)
					break
				}
				for _, f := range fates {
					if f.Err != nil {
						t.Error(f.Err)
					}
					numbers[f.Version] = true
				}
			}
			done <- numbers
		}()
	}
	first, second := <-done, <-done
	for n := range first {
		if second[n] {
			t.Errorf("number %d was given twice", n)
		}
	}
	if n := len(listAll(t, a, w, 0, true, 100)); n != 81 {
		t.Errorf("%d names", n)
	}
	checkCharges(t, a, w)
}

// What has moved into a folder that was deleted afterwards is told to be gone: who follows knows it at its old place.
func TestChangesMovedIntoDeleted(t *testing.T) {
	s, w := newTree(t, 2)
	f := mustApply(t, s, w, mkdirOf(w.Root, "top"), mkdirOf(w.Root, "x"), putOf(w.Root, "f", 1))
	epoch, since, _, err := s.Stat(w, 0, 0, nil)
	must(t, err)
	mustApply(t, s, w,
		Change{Op: OpMove, Node: f[2].Node, Parent: Place{Node: f[1].Node}, Name: "f", ExpectNode: ExpectAny},
		Change{Op: OpMove, Node: f[1].Node, Parent: Place{Node: f[0].Node}, Name: "x", ExpectNode: ExpectAny},
		Change{Op: OpDelete, Node: f[0].Node, Expect: ExpectAny, Recursive: true})
	gone := map[int64]bool{}
	_, _, _, err = s.Changes(w, 0, epoch, since, func(e Entry) bool { gone[e.Node] = e.Deleted; return true })
	must(t, err)
	if !gone[f[0].Node] || !gone[f[1].Node] || !gone[f[2].Node] {
		t.Errorf("told %v", gone)
	}
}
