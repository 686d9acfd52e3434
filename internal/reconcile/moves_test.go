package reconcile

import (
	"fmt"
	"slices"
	"testing"
)

func TestMoves(t *testing.T) {
	play(t, []scene{
		{"a folder here", "mkdir d; put d/a 1; put d/b 2", "mv d e", "", "e/ e/a=1 e/b=2", 0},
		{"a folder there", "mkdir d; put d/a 1; put d/b 2", "", "mv d e", "e/ e/a=1 e/b=2", 0},
		{"a file into a new folder", "put a 1", "mkdir d; mkdir d/e; mv a d/e/b", "", "d/ d/e/ d/e/b=1", 0},
		{"a file into a new folder there", "put a 1", "", "mkdir d; mkdir d/e; mv a d/e/b", "d/ d/e/ d/e/b=1", 0},
		{"files exchanged here", "put a 1; put b 2", "mv a t; mv b a; mv t b", "", "a=2 b=1", 0},
		{"files exchanged there", "put a 1; put b 2", "", "mv a t; mv b a; mv t b", "a=2 b=1", 0},
		{"folders exchanged here", "mkdir d; put d/a 1; mkdir e; put e/b 2", "mv d t; mv e d; mv t e", "", "d/ d/b=2 e/ e/a=1", 0},
		{"folders exchanged there", "mkdir d; put d/a 1; mkdir e; put e/b 2", "", "mv d t; mv e d; mv t e", "d/ d/b=2 e/ e/a=1", 0},
		{"exchanged alike on both sides", "mkdir d; put d/a 1; mkdir e; put e/b 2", "mv d t; mv e d; mv t e", "mv d t; mv e d; mv t e", "d/ d/b=2 e/ e/a=1", 0},
		{"three in a circle there", "mkdir d; mkdir e; mkdir f; put d/a 1; put e/a 2; put f/a 3", "", "mv d t; mv f d; mv e f; mv t e", "d/ d/a=3 e/ e/a=1 f/ f/a=2", 0},
		{"crossed", "mkdir d; mkdir e; put d/a 1; put e/b 2", "mv d e/d", "mv e d/e", "d/ d/a=1 d/e/ d/e/b=2", 0},
		{"crossed in a circle of three", "mkdir d; mkdir e; mkdir f; put f/c 1", "mv d e/d", "mv e f/e; mv f d/f", "d/ d/f/ d/f/c=1 d/f/e/", 0},
		{"parent and child exchanged there", "mkdir x; mkdir x/y; put x/a 1; put x/y/b 2", "", "mv x/y t; mv x t/y; mv t x", "x/ x/b=2 x/y/ x/y/a=1", 0},
		{"parent and child exchanged here", "mkdir x; mkdir x/y; put x/a 1; put x/y/b 2", "mv x/y t; mv x t/y; mv t x", "", "x/ x/b=2 x/y/ x/y/a=1", 0},
		{"a file takes the place of its folder there", "mkdir x; put x/f 1", "", "mv x/f t; rm x; mv t x", "x=1", 0},
		{"a file takes the place of its folder here", "mkdir x; put x/f 1", "mv x/f t; rm x; mv t x", "", "x=1", 0},
		{"a folder of a file's name is made and it goes into it there", "put x 1", "", "mv x t; mkdir x; mv t x/x", "x/ x/x=1", 0},
		{"a folder of a file's name is made and it goes into it here", "put x 1", "mv x t; mkdir x; mv t x/x", "", "x/ x/x=1", 0},
		{"into a folder that was deleted there", "mkdir d; put d/a 1; put b 2", "mv b d/b", "rm d", "d/ d/b=2", 0},
		{"into a folder that was deleted here", "mkdir d; put d/a 1; put b 2", "rm d", "mv b d/b", "d/ d/b=2", 0},
		{"out of a folder that was deleted there", "mkdir d; put d/a 1; put d/b 2", "mv d/b b", "rm d", "b=2", 0},
		{"moved out there, its folder deleted here", "mkdir d; put d/a 1; put d/b 2", "rm d", "mv d/b b", "b=2", 0},
		{"moved and edited here", "put a 1; mkdir d", "mv a d/b; put d/b 2", "", "d/ d/b=2", 0},
		{"moved and edited there", "put a 1; mkdir d", "", "mv a d/b; put d/b 2", "d/ d/b=2", 0},
		{"moved here, edited there", "put a 1; mkdir d", "mv a d/b", "put a 2", "d/ d/b=2", 0},
		{"edited here, moved there", "put a 1; mkdir d", "put a 2", "mv a d/b", "d/ d/b=2", 0},
		{"a folder moved here, a file in it edited there", "mkdir d; put d/a 1", "mv d e", "put d/a 2", "e/ e/a=2", 0},
		{"a folder moved there, a file made in it here", "mkdir d; put d/a 1", "put d/b 2", "mv d e", "e/ e/a=1 e/b=2", 0},
		{"moved differently: the server's place", "mkdir d; put d/a 1", "mv d e", "mv d f", "f/ f/a=1", 0},
		{"a file renamed in a folder that is renamed there", "mkdir d; put d/a 1", "mv d/a d/b", "mv d e", "e/ e/b=1", 0},
		{"onto a name that is new there", "mkdir d; put d/a 1", "mv d e", "put e 2", "e (conflict laptop 2026-11-22)/ e (conflict laptop 2026-11-22)/a=1 e=2", 1},
		{"a folder onto a new folder there", "mkdir d; put d/a 1", "mv d e", "mkdir e; put e/b 2", "e (conflict laptop 2026-11-22)/ e (conflict laptop 2026-11-22)/a=1 e/ e/b=2", 1},
		{"onto an equal one, which was changed there", "put a 1; put b 1", "rm b; mv a b", "put b 2", "b (conflict laptop 2026-11-22)=1 b=2", 1},
		{"onto an equal one, which was deleted there", "put a 1; put b 1", "rm b; mv a b", "rm b", "b=1", 0},
		{"onto an equal one", "put a 1; put b 1", "rm b; mv a b", "", "b=1", 0},
		{"onto a name that is free by then", "put a 1; put b 2", "rm a; put c 3", "rm a; mv b a", "a=2 c=3", 0},
	})
}

func TestKindsChange(t *testing.T) {
	play(t, []scene{
		{"a file becomes a folder here", "put a 1", "rm a; mkdir a; put a/b 2", "", "a/ a/b=2", 0},
		{"a file becomes a folder there", "put a 1", "", "rm a; mkdir a; put a/b 2", "a/ a/b=2", 0},
		{"a folder becomes a file here", "mkdir a; mkdir a/c; put a/c/b 1", "rm a; put a 2", "", "a=2", 0},
		{"a folder becomes a file there", "mkdir a; mkdir a/c; put a/c/b 1", "", "rm a; put a 2", "a=2", 0},
		{"a folder becomes a file there, something in it was edited here", "mkdir a; put a/b 1; put a/c 1", "put a/b 3", "rm a; put a 2",
			"a (conflict laptop 2026-11-22)/ a (conflict laptop 2026-11-22)/b=3 a=2", 1},
		{"a file becomes a link here", "put a 1", "link a x", "", "a->x", 0},
		{"a link becomes a file there", "link a x", "", "put a 1", "a=1", 0},
		{"a folder becomes a set", "mkdir a; put a/b 1", "rm a; set a 2", "", "a=2", 0},
	})
	t.Run("and back", func(t *testing.T) {
		w := scene{both: "put a 1"}.begin(t, false)
		for i, c := range []string{"rm a; mkdir a; put a/b 2", "rm a; put a 3", "rm a; mkdir a; mkdir a/a", "rm a; link a x"} {
			commands(w, side(i%2), c)
			w.sync(2)
		}
		if got := w.shape(w.disk); got != "a->x" {
			t.Fatal(got)
		}
	})
}

func TestFolderIsRenamedInOneStep(t *testing.T) {
	for s, want := range []Do{UpMove, DownMove} {
		w := newWorld(t)
		commands(w, here, "mkdir d")
		for i := range 300 {
			commands(w, here, fmt.Sprintf("mkdir d/%d; put d/%d/f %d", i, i, i))
		}
		w.sync(1)
		commands(w, side(s), "mkdir e; mv d e/d")
		w.sync(1)
		if len(w.steps) != 2 || w.steps[1] != want {
			t.Errorf("steps %v", w.steps)
		}
	}
}

// A log is rotated: each name is free only when the next one has moved on.
func TestChainOfRenames(t *testing.T) {
	for s, want := range []Do{UpMove, DownMove} {
		w := newWorld(t)
		const n = 200
		for i := range n {
			commands(w, here, fmt.Sprintf("mkdir log.%03d; put log.%03d/x %d", i, i, i))
		}
		w.sync(1)
		for i := n - 1; i >= 0; i-- {
			commands(w, side(s), fmt.Sprintf("mv log.%03d log.%03d", i, i+1))
		}
		w.sync(1)
		if len(w.steps) != n || slices.ContainsFunc(w.steps, func(d Do) bool { return d != want }) {
			t.Errorf("steps %v", w.steps)
		}
	}
}

func TestCircleOfRenamesTakesOneMoreStep(t *testing.T) {
	for s, want := range []Do{UpMoveAside, DownMoveAside} {
		w := newWorld(t)
		const n = 200
		for i := range n {
			commands(w, here, fmt.Sprintf("mkdir log.%03d; put log.%03d/x %d", i, i, i))
		}
		w.sync(1)
		commands(w, side(s), fmt.Sprintf("mv log.%03d t", n-1))
		for i := n - 2; i >= 0; i-- {
			commands(w, side(s), fmt.Sprintf("mv log.%03d log.%03d", i, i+1))
		}
		commands(w, side(s), "mv t log.000")
		w.sync(1)
		if len(w.steps) != n+1 || w.steps[0] != want {
			t.Errorf("%d steps %v", len(w.steps), w.steps)
		}
	}
}
