package reconcile

import "testing"

// TestTwoRowsOfOnePlace: a folder and a file changed places, what the file's move remembered was lost, and the file is ignored
// now: two are remembered at one place for as long as it is. The folder is still known by its node.
func TestTwoRowsOfOnePlace(t *testing.T) {
	for _, unborn := range []bool{false, true} {
		w := newWorld(t)
		w.unborn = unborn
		for _, c := range []string{"mkdir|d", "put|d/a|1", "put|f|2"} {
			w.do(here, c)
		}
		w.sync(1)
		file := w.rows[lookup(w.server, "f").ID]
		was := *file
		for _, c := range []string{"mv|d|t", "mv|f|d", "mv|t|f"} {
			w.do(there, c)
		}
		w.sync(1)
		*w.rows[was.e.ID] = was
		for _, t := range []*Tree{w.disk, w.server} {
			lookup(t, "d").Excluded = true
		}
		w.do(there, "put|f/b|3")
		w.sync(1)
	}
}

// TestTwoFilesOfOnePlace: two files changed places, what the second move remembered was lost, and the second cannot be read now. The
// one that has its place is still itself.
func TestTwoFilesOfOnePlace(t *testing.T) {
	for _, unborn := range []bool{false, true} {
		w := newWorld(t)
		w.unborn = unborn
		for _, c := range []string{"put|b|1", "put|c|2"} {
			w.do(here, c)
		}
		w.sync(1)
		c := w.rows[lookup(w.server, "c").ID]
		was := *c
		for _, c := range []string{"mv|b|t", "mv|c|b", "mv|t|c"} {
			w.do(there, c)
		}
		w.sync(1)
		*w.rows[was.e.ID] = was
		lookup(w.disk, "b").Unknown = true
		w.do(there, "put|b|3")
		w.run(1)
		if got := w.shape(w.disk); got != "b=2 c=1" {
			t.Fatalf("here %s\n%s", got, w.told())
		}
	}
}
