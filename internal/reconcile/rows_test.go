package reconcile

import "testing"

// twoRows has two things that are called names change places on the server, and what the second one's move remembered is lost: two
// are remembered at one place. then goes on, where births are known and where they are not.
func twoRows(t *testing.T, first []string, names [2]string, then func(w *world)) {
	t.Helper()
	for _, unborn := range []bool{false, true} {
		w := newWorld(t)
		w.unborn = unborn
		for _, c := range first {
			w.do(here, c)
		}
		w.sync(1)
		second := w.rows[lookup(w.server, names[1]).ID]
		was := *second
		for _, c := range []string{"mv|" + names[0] + "|t", "mv|" + names[1] + "|" + names[0], "mv|t|" + names[1]} {
			w.do(there, c)
		}
		w.sync(1)
		*w.rows[was.e.ID] = was
		then(w)
	}
}

// A folder and a file changed places, and the file is ignored now. The folder is still known by its node.
func TestTwoRowsOfOnePlace(t *testing.T) {
	twoRows(t, []string{"mkdir|d", "put|d/a|1", "put|f|2"}, [2]string{"d", "f"}, func(w *world) {
		for _, t := range []*Tree{w.disk, w.server} {
			lookup(t, "d").Excluded = true
		}
		w.do(there, "put|f/b|3")
		w.sync(1)
	})
}

// Two files changed places, and the second cannot be read now. The one that has its place is still itself.
func TestTwoFilesOfOnePlace(t *testing.T) {
	twoRows(t, []string{"put|b|1", "put|c|2"}, [2]string{"b", "c"}, func(w *world) {
		lookup(w.disk, "b").Unknown = true
		w.do(there, "put|b|3")
		w.run(1)
		if got := w.shape(w.disk); got != "b=2 c=1" {
			t.Fatalf("here %s\n%s", got, w.told())
		}
	})
}
