package reconcile

import (
	"strings"
	"testing"
)

// scene is what both sides had, what happened on each, and what both are to be in the end.
type scene struct {
	name        string
	both        string // commands, separated by ;
	here, there string
	want        string // in the end
	asides      int    // conflicts
}

func commands(w *world, s side, list string) {
	w.t.Helper()
	for c := range strings.SplitSeq(list, ";") {
		if c = strings.TrimSpace(c); c != "" && !w.do(s, c) {
			w.t.Fatalf("cannot %s", c)
		}
	}
}

// begin plays a scene up to where both sides have changed.
func (s scene) begin(t *testing.T, unborn bool) *world {
	w := newWorld(t)
	w.unborn = unborn
	commands(w, here, s.both)
	w.sync(1)
	w.asides = 0
	commands(w, here, s.here)
	commands(w, there, s.there)
	return w
}

func play(t *testing.T, scenes []scene) {
	for _, s := range scenes {
		for _, unborn := range []bool{false, true} {
			name := s.name
			if unborn {
				name += ", times of birth unknown"
			}
			t.Run(name, func(t *testing.T) {
				w := s.begin(t, unborn)
				w.sync(3)
				if got := w.shape(w.disk); got != s.want || w.asides != s.asides {
					t.Fatalf("%d asides, %s\nwant %d, %s\n%s", w.asides, got, s.asides, s.want, w.told())
				}
			})
		}
	}
}

func TestRule7EditBeatsDelete(t *testing.T) {
	play(t, []scene{
		{"edited here, deleted there", "put a 1", "put a 2", "rm a", "a=2", 0},
		{"deleted here, edited there", "put a 1", "rm a", "put a 2", "a=2", 0},
		{"edited to another size", "put a 1", "put a 234", "rm a", "a=234", 0},
		{"the folder of an edited file was deleted there", "mkdir d; put d/a 1; put d/b 1", "put d/a 2", "rm d", "d/ d/a=2", 0},
		{"the folder of an edited file was deleted here", "mkdir d; put d/a 1; put d/b 1", "rm d", "put d/a 2", "d/ d/a=2", 0},
		{"a new file in a folder that was deleted there", "mkdir d; put d/a 1", "put d/n 2", "rm d", "d/ d/n=2", 0},
		{"a new file in a folder that was deleted here", "mkdir d; put d/a 1", "rm d", "put d/n 2", "d/ d/n=2", 0},
		{"a new folder deep in one that was deleted there", "mkdir d; mkdir d/e; put d/e/a 1", "mkdir d/e/f; put d/e/f/n 2", "rm d", "d/ d/e/ d/e/f/ d/e/f/n=2", 0},
		{"both deleted", "mkdir d; put d/a 1", "rm d", "rm d", "", 0},
		{"deleted there, nothing here", "mkdir d; mkdir d/e; put d/e/a 1; put b 1", "", "rm d", "b=1", 0},
		{"deleted here, nothing there", "mkdir d; mkdir d/e; put d/e/a 1; put b 1", "rm d", "", "b=1", 0},
		{"deleted there, only touched here", "put a 1", "put a 1", "rm a", "", 0},
		{"deleted there, only its mode changed here", "put a 1", "chmod a", "rm a", "", 0},
		{"deleted here, only its mode changed there", "put a 1", "rm a", "chmod a", "", 0},
		{"moved here, deleted there", "put a 1; mkdir d", "mv a d/a", "rm a", "d/ d/a=1", 0},
		{"deleted here, moved there", "put a 1; mkdir d", "rm a", "mv a d/a", "d/ d/a=1", 0},
		{"a folder moved here, deleted there, stays whole", "mkdir d; mkdir d/e; put d/e/a 1; put d/b 2", "mv d f", "rm d", "f/ f/b=2 f/e/ f/e/a=1", 0},
		{"a folder deleted here, moved there, comes back whole", "mkdir d; mkdir d/e; put d/e/a 1; put d/b 2", "rm d", "mv d f", "f/ f/b=2 f/e/ f/e/a=1", 0},
	})
}

func TestRule7BothEditedKeepsBoth(t *testing.T) {
	play(t, []scene{
		{"both edited", "put a.txt 1", "put a.txt 2", "put a.txt 3", "a (conflict laptop 2026-11-22).txt=2 a.txt=3", 1},
		{"of different sizes", "put a.txt 1", "put a.txt 22", "put a.txt 3", "a (conflict laptop 2026-11-22).txt=22 a.txt=3", 1},
		{"replaced here", "put a.txt 1", "replace a.txt 2", "put a.txt 3", "a (conflict laptop 2026-11-22).txt=2 a.txt=3", 1},
		{"new on both sides", "", "put a.txt 2", "put a.txt 3", "a (conflict laptop 2026-11-22).txt=2 a.txt=3", 1},
		{"links", "link l x", "link l y", "link l z", "l (conflict laptop 2026-11-22)->y l->z", 1},
		{"a link and a file", "put a 1", "link a y", "put a 2", "a (conflict laptop 2026-11-22)->y a=2", 1},
		{"a file here, a folder there", "", "put a 1", "mkdir a; put a/b 2", "a (conflict laptop 2026-11-22)=1 a/ a/b=2", 1},
		{"a folder here, a file there", "", "mkdir a.d; put a.d/b 2", "put a.d 1", "a.d (conflict laptop 2026-11-22)/ a.d (conflict laptop 2026-11-22)/b=2 a.d=1", 1},
		{"edited here, a folder in its place there", "put a 1", "put a 2", "rm a; mkdir a; put a/b 3", "a (conflict laptop 2026-11-22)=2 a/ a/b=3", 1},
		{"edited here, deleted and made anew there", "put a 1", "put a 2", "rm a; put a 3", "a (conflict laptop 2026-11-22)=2 a=3", 1},
		{"the name of the conflict is taken", "put a.txt 1", "put a.txt 2; put|a (conflict laptop 2026-11-22).txt|4", "put a.txt 3",
			"a (conflict laptop 2026-11-22 2).txt=2 a (conflict laptop 2026-11-22).txt=4 a.txt=3", 1},
		{"the name of the conflict is taken there", "put a.txt 1", "put a.txt 2", "put a.txt 3; put|a (conflict laptop 2026-11-22).txt|4",
			"a (conflict laptop 2026-11-22 2).txt=2 a (conflict laptop 2026-11-22).txt=4 a.txt=3", 1},
		{"different ones moved to one name", "put a 1; put b 2", "mv a c", "mv b c", "c (conflict laptop 2026-11-22)=1 c=2", 1},
		{"sets", "set .git 1", "set .git 2", "set .git 3", ".git (conflict laptop 2026-11-22)=2 .git=3", 1},
	})
}

func TestRule8EqualContentNeverConflicts(t *testing.T) {
	play(t, []scene{
		{"new on both sides", "", "put a 1", "put a 1", "a=1", 0},
		{"edited alike", "put a 1", "put a 2", "put a 2", "a=2", 0},
		{"replaced alike", "put a 1", "replace a 2", "rm a; put a 2", "a=2", 0},
		{"only modes and times differ", "put a 1", "chmod a", "put a 1", "a=1", 0},
		{"modes of both", "put a 1; mkdir d", "chmod a; chmod d", "chmod a; chmod d", "a=1 d/", 0},
		{"moved alike", "mkdir d; put d/a 1", "mv d e", "mv d e", "e/ e/a=1", 0},
		{"made anew there", "mkdir d; put d/a 1", "", "rm d; mkdir d; put d/a 1", "d/ d/a=1", 0},
		{"made anew there with another content", "mkdir d; put d/a 1", "", "rm d; mkdir d; put d/a 2", "d/ d/a=2", 0},
		{"moved there, a copy of it made and the old one deleted here", "put a 1", "rm a; put b 1", "mv a b", "b=1", 0},
		{"links", "", "link l x", "link l x", "l->x", 0},
		{"sets", "", "set .git 1", "set .git 1", ".git=1", 0},
		{"edited here as another there, that has the place of the one that was moved", "put a 1", "replace a 2", "mv a b; put a 2", "a=2 b=2", 0},
		{"edited here as another there, that has the place of the one that was moved and edited", "put a 1", "replace a 2", "mv a b; put b 3; put a 2", "a=2 b=3", 0},
		{"the same, of different sizes", "put a 1", "put a 22", "mv a b; put b 333; put a 22", "a=22 b=333", 0},
		{"moved here, a copy made there", "put a 1", "mv a b", "put b 1", "b=1", 0},
		{"moved here, a copy made there and the old one edited", "put a 1", "mv a b", "put b 1; put a 2", "a=2 b=1", 0},
		{"moved and edited here, made there", "put a 1", "mv a b; put b 2", "put b 2", "b=2", 0},
		{"a copy made here, moved there", "put a 1", "put b 1", "mv a b", "b=1", 0},
		{"a copy made here and the old one edited, moved there", "put a 1", "put b 1; put a 2", "mv a b", "a=2 b=1", 0},
		{"equal ones moved to one name", "put a 1; put b 1", "mv a c", "mv b c", "c=1", 0},
		{"equal ones moved to one name, one of them edited where it was", "put a 1; put b 1", "mv a c", "mv b c; put a 2", "a=2 c=1", 0},
		{"equal ones moved to one name, of which one is gone", "put a 1; put b 1", "mv a c; rm b", "mv b c", "c=1", 0},
		{"links moved to one name", "link a x; link b x", "mv a c", "mv b c", "c->x", 0},
		{"sets moved to one name", "mkdir a; mkdir b; set a/.git 1; set b/.git 1; mkdir c", "mv a/.git c/.git", "mv b/.git c/.git", "a/ b/ c/ c/.git=1", 0},
	})
}

func TestRule10NoOrderByClock(t *testing.T) {
	for _, s := range []scene{
		{"an edit here is older than what was agreed", "put a 1", "put a 2", "", "a=2", 0},
		{"an edit there is older than what was agreed", "put a 1", "", "put a 2", "a=2", 0},
		{"a conflict", "put a 1", "put a 2", "put a 3", "a (conflict laptop 2026-11-22)=2 a=3", 1},
	} {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t)
			w.clock = 1000
			commands(w, here, s.both)
			w.sync(1)
			w.clock = 10
			commands(w, here, s.here)
			w.clock = 5
			commands(w, there, s.there)
			w.sync(3)
			if got := w.shape(w.disk); got != s.want || w.asides != s.asides {
				t.Fatalf("%d asides, %s\n%s", w.asides, got, w.told())
			}
		})
	}
	t.Run("an edit that has set its time back is found by its ctime", func(t *testing.T) {
		w := scene{both: "put a 1"}.begin(t, false)
		e := lookup(w.disk, "a")
		was := e.Mtime
		commands(w, here, "put a 2")
		e.Mtime, e.Facts.Mtime = was, was
		w.sync(1)
		if got := w.shape(w.server); got != "a=2" {
			t.Fatal(got)
		}
	})
}

func TestRule12PopulatedFoldersMerge(t *testing.T) {
	w := newWorld(t)
	commands(w, here, "mkdir d; mkdir d/e; put d/e/same 1; put d/e/mine 2; put d/x.md 3; put only 4")
	commands(w, there, "mkdir d; mkdir d/e; put d/e/same 1; put d/e/theirs 5; put d/x.md 6; mkdir other; put other/f 7")
	w.sync(2)
	want := "d/ d/e/ d/e/mine=2 d/e/same=1 d/e/theirs=5 d/x (conflict laptop 2026-11-22).md=3 d/x.md=6 only=4 other/ other/f=7"
	if got := w.shape(w.disk); got != want || w.asides != 1 {
		t.Fatalf("%d asides, %s\n%s", w.asides, got, w.told())
	}
	for _, do := range w.steps {
		if do == UpDelete || do == DownDelete {
			t.Fatal("a first sync deletes")
		}
	}
}

func TestRule13NamesAreBytes(t *testing.T) {
	names := []string{"a", "A", "\u00e9", "e\u0301", "caf\xe9", "tab\there", " ", "-rf", "COM1.", "%41"}
	w := newWorld(t)
	for i, name := range names {
		if s := side(i % 2); !w.do(s, "put|"+name+"|"+name) {
			t.Fatal(name)
		}
	}
	w.sync(1)
	for _, name := range names {
		if lookup(w.disk, name) == nil || lookup(w.server, name) == nil {
			t.Errorf("%q is not on both sides", name)
		}
	}
	if n := len(w.disk.Root.Children); n != len(names) {
		t.Errorf("%d names", n)
	}
}
