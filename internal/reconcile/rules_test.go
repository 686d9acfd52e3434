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
	want        string
	asides      int
}

func commands(w *world, s side, list string) {
	for c := range strings.SplitSeq(list, ";") {
		if c = strings.TrimSpace(c); c != "" && !w.do(s, c) {
			w.t.Fatalf("cannot %s", c)
		}
	}
}

func play(t *testing.T, scenes []scene) {
	for _, s := range scenes {
		for _, unborn := range []bool{false, true} {
			name := s.name
			if unborn {
				name += ", times of birth unknown"
			}
			t.Run(name, func(t *testing.T) {
				w := newWorld(t)
				w.unborn = unborn
				commands(w, here, s.both)
				w.sync(1)
				w.asides = 0
				commands(w, here, s.here)
				commands(w, there, s.there)
				w.sync(3)
				if got := w.shape(w.disk); got != s.want || w.asides != s.asides {
					t.Fatalf("%d asides, %s; want %d, %s\n%s", w.asides, got, s.asides, s.want, w.told())
				}
			})
		}
	}
}

func TestRule7EditBeatsDelete(t *testing.T) {
	play(t, []scene{
		{"edited here, deleted there", "put a 1", "put a 2", "rm a", "a=2", 0},
		{"deleted here, edited there", "put a 1", "rm a", "put a 2", "a=2", 0},
		{"the folder of an edited file was deleted there", "mkdir d; put d/a 1; put d/b 1", "put d/a 2", "rm d", "d/ d/a=2", 0},
		{"the folder of an edited file was deleted here", "mkdir d; put d/a 1; put d/b 1", "rm d", "put d/a 2", "d/ d/a=2", 0},
		{"a new file in a folder that was deleted there", "mkdir d; put d/a 1", "put d/n 2", "rm d", "d/ d/n=2", 0},
		{"both deleted", "mkdir d; put d/a 1", "rm d", "rm d", "", 0},
		{"both edited", "put a.txt 1", "put a.txt 2", "put a.txt 3", "a (conflict laptop 2026-11-22).txt=2 a.txt=3", 1},
	})
}

func TestMoves(t *testing.T) {
	play(t, []scene{
		{"folder here", "mkdir d; put d/a 1; put d/b 2", "mv d e", "", "e/ e/a=1 e/b=2", 0},
		{"folder there", "mkdir d; put d/a 1; put d/b 2", "", "mv d e", "e/ e/a=1 e/b=2", 0},
		{"folders exchanged here", "mkdir d; put d/a 1; mkdir e; put e/b 2", "mv d t; mv e d; mv t e", "", "d/ d/b=2 e/ e/a=1", 0},
		{"folders exchanged there", "mkdir d; put d/a 1; mkdir e; put e/b 2", "", "mv d t; mv e d; mv t e", "d/ d/b=2 e/ e/a=1", 0},
		{"crossed", "mkdir d; mkdir e; put d/a 1; put e/b 2", "mv d e/d", "mv e d/e", "d/ d/a=1 d/e/ d/e/b=2", 0},
		{"parent and child exchanged", "mkdir x; mkdir x/y; put x/a 1; put x/y/b 2", "", "mv x/y t; mv x t/y; mv t x", "x/ x/b=2 x/y/ x/y/a=1", 0},
	})
}
