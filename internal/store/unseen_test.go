package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"sluice/internal/db"
)

// carefully is a commit that looks before it puts.
func carefully(s *Store, w Who, all bool, changes []Change, fates *[]Fate) error {
	return s.write(func(tx *db.Tx) error {
		b, err := s.newBatch(tx, w, 0, len(changes))
		if err != nil {
			return err
		}
		b.careful = true
		_, err = b.answer(changes, all, func(_ int64, f []Fate) []byte { *fates = f; return nil })
		return err
	})
}

// Commits whose files are put without a look end as those do that look first, whatever stands there.
func TestPutUnseen(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	quick, w := newTree(t, 30)
	slow, v := newTree(t, 30)
	again := 0
	for round := range 60 {
		var changes []Change
		for i := range 1 + r.IntN(40) {
			place := Place{Node: w.Root}
			switch r.IntN(6) {
			case 0:
				place = Place{Entry: r.IntN(i + 2)} // maybe a file, maybe not an earlier one
			case 1:
				place = Place{Node: w.Root + int64(r.IntN(60))} // maybe a file put just before
			}
			c := putOf(place.Node, fmt.Sprint("n", r.IntN(400)), r.IntN(32)) // two of them were never uploaded
			switch r.IntN(12) {
			case 0:
				c = mkdirOf(place.Node, c.Name)
			case 1:
				c = Change{Op: OpDelete, Node: w.Root + 1 + int64(r.IntN(60)), Expect: ExpectAny}
			case 2:
				c.Size++
			}
			c.Parent = place
			if r.IntN(8) > 0 && c.Op != OpDelete {
				c.Expect = 0
			}
			changes = append(changes, c)
		}
		all := r.IntN(3) == 0
		var fates, wanted []Fate
		_, err := quick.Commit(w, newOnceTest(), 0, all, 0, changes, func(_ int64, f []Fate) []byte { fates = f; return nil })
		want := carefully(slow, v, all, changes, &wanted)
		if fmt.Sprint(err) != fmt.Sprint(want) || fmt.Sprint(fates) != fmt.Sprint(wanted) {
			t.Fatalf("round %d, all %v: %v %v\nnot %v %v", round, all, err, fates, want, wanted)
		}
		if a, b := tree(t, quick, w), tree(t, slow, v); a != b {
			t.Fatalf("round %d:\n%s\nnot\n%s", round, a, b)
		}
		used, held, _, err := quick.Usage(w)
		must(t, err)
		wantUsed, wantHeld, _, err := slow.Usage(v)
		must(t, err)
		if used != wantUsed || held != wantHeld {
			t.Fatalf("round %d: charged %d and %d, not %d and %d", round, used, held, wantUsed, wantHeld)
		}
		for _, f := range fates {
			if errors.Is(f.Err, ErrExists) {
				again++
			}
		}
	}
	if again == 0 {
		t.Error("no name was ever taken")
	}
}
