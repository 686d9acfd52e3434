package reconcile

import (
	"fmt"
	"strings"
	"testing"
)

func TestRule3MassDeleteStops(t *testing.T) {
	for _, c := range []struct {
		name          string
		names, delete int
		limit         Limit
		stop          string
	}{
		{"few of few", 60, 50, Limit{}, ""},
		{"more than a quarter, more than fifty", 60, 51, Limit{}, "51 of 60 names would be deleted"},
		{"a quarter", 400, 100, Limit{}, ""},
		{"more than a quarter", 400, 101, Limit{}, "101 of 400 names would be deleted"},
		{"said to be right", 400, 300, Limit{Sure: true}, ""},
		{"a number", 400, 6, Limit{Given: true, Count: 5}, "6 names would be deleted, more than --max-delete 5 allows"},
		{"not more than the number", 400, 300, Limit{Given: true, Count: 300}, ""},
		{"none at all", 400, 1, Limit{Given: true}, "1 names would be deleted, more than --max-delete 0 allows"},
		{"a share", 400, 41, Limit{Given: true, Count: 10, Percent: true}, "41 of 400 names would be deleted, more than --max-delete 10% allows"},
		{"not more than the share", 400, 40, Limit{Given: true, Count: 10, Percent: true}, ""},
	} {
		for s := range []side{here, there} {
			t.Run(fmt.Sprintf("%s, %d", c.name, s), func(t *testing.T) {
				w := newWorld(t)
				for i := range c.names {
					commands(w, here, fmt.Sprintf("put %d x", i))
				}
				w.sync(1)
				for i := range c.delete {
					commands(w, side(s), fmt.Sprintf("rm %d", i))
				}
				steps, local := w.plan()
				stop := Guard(steps, local, c.names, c.limit)
				switch {
				case stop == nil && c.stop != "":
					t.Fatal("it goes on")
				case stop != nil && stop.Reason != c.stop:
					t.Fatalf("%q", stop.Reason)
				case stop != nil && len(stop.List) != c.delete:
					t.Fatalf("a list of %d", len(stop.List))
				}
			})
		}
	}
}

func TestRule3EmptiedRootStops(t *testing.T) {
	both := "mkdir d; put d/a 1; put b 2"
	w := scene{both: both, here: "rm d; rm b"}.begin(t, false)
	steps, local := w.plan()
	stop := Guard(steps, local, 3, Limit{})
	if stop == nil || !strings.Contains(stop.Reason, "is something not mounted?") || strings.Join(stop.List, " ") != "d/a d b" {
		t.Fatalf("%+v", stop)
	}
	if stop := Guard(steps, local, 3, Limit{Given: true, Count: 100, Percent: true}); stop == nil {
		t.Error("a limit is no yes to an emptied root")
	}
	if stop := Guard(steps, local, 3, Limit{Sure: true}); stop != nil {
		t.Errorf("the user was sure: %+v", stop)
	}
	w = scene{both: both + "; put ignored 1", here: "rm d; rm b; exclude ignored"}.begin(t, false)
	if steps, local := w.plan(); Guard(steps, local, 3, Limit{}) == nil {
		t.Error("what is ignored does not count")
	}
	w = scene{both: both, here: "rm d"}.begin(t, false)
	if steps, local := w.plan(); Guard(steps, local, 3, Limit{}) != nil {
		t.Error("something is left")
	}
	// What the server has deleted leaves nothing here either, and is no missing mount.
	w = scene{both: both, there: "rm d; rm b"}.begin(t, false)
	if steps, local := w.plan(); Guard(steps, local, 3, Limit{}) != nil {
		t.Error("deleted on the server")
	}
}

func TestRule3FirstSyncIsNoSafetyStop(t *testing.T) {
	w := newWorld(t)
	for i := range 200 {
		commands(w, there, fmt.Sprintf("put %d x", i))
	}
	steps, local := w.plan()
	if stop := Guard(steps, local, 0, Limit{Given: true}); stop != nil {
		t.Fatalf("%+v", stop)
	}
}

func TestParseLimit(t *testing.T) {
	for _, bad := range []string{"-1", "x", "101%", "%", "1.5", "9999999999999999999999"} {
		if _, err := ParseLimit(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	for text, want := range map[string]Limit{"": {}, "0": {Given: true}, "10%": {Given: true, Count: 10, Percent: true}} {
		if got, err := ParseLimit(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}
