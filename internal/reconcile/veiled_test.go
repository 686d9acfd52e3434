package reconcile

import "testing"

// left says what both sides are when nothing more is done.
func left(t *testing.T, s scene, wantHere, wantThere string) *world {
	t.Helper()
	w := s.begin(t, false)
	w.run(3)
	if l, r := w.shape(w.disk), w.shape(w.server); l != wantHere || r != wantThere || w.asides != 0 {
		t.Fatalf("%d asides\n here  %s\n there %s\nwant\n here  %s\n there %s\n%s", w.asides, l, r, wantHere, wantThere, w.told())
	}
	return w
}

func TestRule4UnreadableIsNoDelete(t *testing.T) {
	tests := []struct {
		scene
		here, there string
	}{
		{scene{name: "a file", both: "put a 1; put b 2", here: "unreadable a; put b 3"}, "a=1 b=3", "a=1 b=3"},
		{scene{name: "edited there", both: "put a 1", here: "unreadable a", there: "put a 2"}, "a=1", "a=2"},
		{scene{name: "deleted there", both: "put a 1; put b 2", here: "unreadable a", there: "rm a; rm b"}, "a=1", ""},
		{scene{name: "in a folder deleted there", both: "mkdir d; put d/a 1; put d/b 2", here: "unreadable d/a", there: "rm d"}, "d/ d/a=1", ""},
		{scene{name: "in the way of a new one there", here: "put a 1; unreadable a", there: "put a 2"}, "a=1", "a=2"},
		{scene{name: "a folder", both: "mkdir d; put d/a 1; put b 2", here: "unreadable d; rm b"}, "d/ d/a=1", "d/ d/a=1"},
		{scene{name: "a folder in which something changes there", both: "mkdir d; put d/a 1; put d/b 1", here: "unreadable d", there: "put d/a 2; put d/n 3; rm d/b"},
			"d/ d/a=1 d/b=1", "d/ d/a=2 d/n=3"},
		{scene{name: "a folder deleted there", both: "mkdir d; put d/a 1; put b 2", here: "unreadable d; put b 3", there: "rm d"}, "b=3 d/ d/a=1", "b=3"},
		{scene{name: "a folder moved there", both: "mkdir d; put d/a 1", here: "unreadable d", there: "mv d e"}, "d/ d/a=1", "e/ e/a=1"},
		{scene{name: "a file moved there into the folder", both: "mkdir d; put a 1", here: "unreadable d", there: "mv a d/a"}, "a=1 d/", "d/ d/a=1"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) { left(t, c.scene, c.here, c.there) })
	}
	t.Run("and goes on when it can be read", func(t *testing.T) {
		w := left(t, scene{both: "mkdir d; put d/a 1", here: "unreadable d", there: "put d/b 2"}, "d/ d/a=1", "d/ d/a=1 d/b=2")
		lookup(w.disk, "d").Unknown = false
		w.sync(1)
	})
}

func TestRule11LeavingTheSyncDeletesNothing(t *testing.T) {
	both := "mkdir d; put d/a 1; put b 2"
	left(t, scene{both: both, here: "exclude d", there: "exclude d"}, "b=2 d/ d/a=1", "b=2 d/ d/a=1")
	left(t, scene{both: both, here: "put d/a 3; exclude d", there: "rm d"}, "b=2 d/ d/a=3", "b=2")
	left(t, scene{both: both, here: "rm d", there: "put d/n 3; exclude d"}, "b=2", "b=2 d/ d/a=1 d/n=3")
	left(t, scene{both: both, here: "exclude d/a", there: "rm d; put b 3"}, "b=3 d/ d/a=1", "b=3")
	left(t, scene{both: both, here: "put x 1; exclude x", there: "put x 2; exclude x"}, "b=2 d/ d/a=1 x=1", "b=2 d/ d/a=1 x=2")
	left(t, scene{both: both, here: "put x 1; exclude x", there: "mkdir x; put x/y 2; exclude x"}, "b=2 d/ d/a=1 x=1", "b=2 d/ d/a=1 x/ x/y=2")
	// Excluded here alone: nothing of it comes or goes, whatever it is there.
	left(t, scene{both: both, here: "exclude d", there: "put d/n 3"}, "b=2 d/ d/a=1", "b=2 d/ d/a=1 d/n=3")
}

func TestRule6RolledBackServerDeletesNothing(t *testing.T) {
	// What the restored server does not know is remembered by nobody any more: it is new here.
	w := scene{both: "mkdir d; put d/a 1; put b 2; put c 3", there: "rm d; rm b; put c 4"}.begin(t, false)
	for id, r := range w.rows {
		if s := w.server.ByID[id]; s == nil || s.Version != r.e.Version {
			delete(w.rows, id)
		}
	}
	w.sync(3)
	if got, want := w.shape(w.disk), "b=2 c (conflict laptop 2026-11-22)=3 c=4 d/ d/a=1"; got != want {
		t.Fatalf("%s\n%s", got, w.told())
	}
}

// Only some folders are looked at: what is missing in the others is not gone.
func TestPartsOfTrees(t *testing.T) {
	w := scene{both: "mkdir d; put d/a 1; put d/b 1; mkdir e; put e/a 1", here: "put d/a 2; rm d/b", there: "rm e; put d/c 3"}.begin(t, false)
	agreed := w.agreed()
	local, _ := w.scan(here)
	remote, _ := w.scan(there)
	for _, tree := range []*Tree{agreed, local} {
		tree.Root.Part = true
		tree.Remove(lookup(tree, "e"))
	}
	Match(agreed, local)
	var got []string
	for _, s := range Plan(agreed, local, remote, Options{}) {
		got = append(got, describe(s))
	}
	want := []string{describe(Step{Do: DownFetch, Remote: lookup(remote, "d/c")}),
		describe(Step{Do: UpPut, Local: lookup(local, "d/a"), Remote: lookup(remote, "d/a")}),
		describe(Step{Do: UpDelete, Remote: lookup(remote, "d/b")})}
	if len(got) != 3 || !same(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
	// The folder is deleted there, and here nobody has looked into it.
	agreed = w.agreed()
	local, _ = w.scan(here)
	e := lookup(local, "e")
	e.Part = true
	local.Remove(lookup(local, "e/a"))
	Match(agreed, local)
	for _, s := range Plan(agreed, local, remote, Options{}) {
		if s.Local == e || s.Agreed != nil && s.Agreed.Name == "e" {
			t.Errorf("%s: %s", describe(s), s.Why)
		}
	}
}

func same(a, b []string) bool {
	seen := map[string]int{}
	for i := range a {
		seen[a[i]]++
		seen[b[i]]--
	}
	for _, n := range seen {
		if n != 0 {
			return false
		}
	}
	return true
}
