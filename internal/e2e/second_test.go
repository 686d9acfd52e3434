package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A folder that goes to a second place is copied there by the server; what was changed since is not, even if its time was
// set back.
func TestSecondPlace(t *testing.T) {
	s := start(t, t.TempDir())
	m := newMachine(t, s, "ann")
	dir := filepath.Join(m.dir, "dir")
	old := time.Unix(1700000000, 5)
	path := func(i int) string {
		return filepath.Join(dir, fmt.Sprint("d", i%5), fmt.Sprint("e", i%3), fmt.Sprint("f", i))
	}
	for i := range 200 {
		write(t, path(i), content(uint64(i), 500+i), 0o644, old)
	}
	time.Sleep(2500 * time.Millisecond) // what is younger is not remembered
	m.must("push", dir, "home:first")
	compare := func(place, what string) {
		t.Helper()
		if out := m.must("push", dir, "home:"+place); !strings.Contains(out, what) {
			t.Errorf("to %s: %s", place, out)
		}
		back := filepath.Join(m.dir, "back "+place)
		m.must("pull", "home:"+place, back)
		same(t, dir, back)
	}
	compare("second", "200 instant")
	write(t, path(7), content(1000, 507), 0o644, old)
	compare("third", "1 file sent")
	must(t, os.Remove(path(8)))
	compare("fourth", "199 instant")
	if out := m.must("push", dir, "home:third"); !strings.Contains(out, "199 unchanged") { // it adds and replaces only
		t.Error(out)
	}
}
