package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A safety stop says what it would have deleted and how to go on; going on does it.
func TestSyncStopSaysHowToGoOn(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	m := newMachine(t, s, "ann")
	docs := filepath.Join(m.dir, "docs")
	must(t, os.Mkdir(docs, 0o755))
	for i := range 70 {
		must(t, os.WriteFile(filepath.Join(docs, fmt.Sprint("f", i)), []byte(fmt.Sprint(i)), 0o644))
	}
	m.must("sync", docs, "home:docs")
	for i := range 60 {
		must(t, os.Remove(filepath.Join(docs, fmt.Sprint("f", i))))
	}

	r := m.fails(9, "sync", docs)
	for _, want := range []string{"60 of 70 names would be deleted", "sluice sync -y DIR", "\n  f59\n", "and 40 more"} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("the stop does not say %q:\n%s", want, r.stderr)
		}
	}
	if strings.Contains(r.stdout, "nothing to do") {
		t.Errorf("a stop ends with %q", r.stdout)
	}
	if list := m.must("ls", "home:docs"); strings.Count(list, "\n") != 70 {
		t.Errorf("after the stop the server has:\n%s", list)
	}
	m.must("sync", "-y", docs)
	if list := m.must("ls", "home:docs"); strings.Count(list, "\n") != 10 {
		t.Errorf("after -y the server has:\n%s", list)
	}

	// The same for a folder that is another one than before: it is begun anew, and comes back whole.
	must(t, os.Rename(docs, docs+".before"))
	must(t, os.Mkdir(docs, 0o755))
	for _, more := range [][]string{nil, {"-y"}} { // of another folder nobody has said that it is to be emptied elsewhere
		if r := m.fails(9, append([]string{"sync", docs}, more...)...); !strings.Contains(r.stderr, "sluice sync --forget DIR") {
			t.Errorf("the stop does not say how to go on:\n%s", r.stderr)
		}
	}
	m.must("sync", "--forget", docs)
	m.must("sync", docs, "home:docs")
	if names, err := os.ReadDir(docs); err != nil || len(names) != 10 {
		t.Errorf("%d names came back, %v", len(names), err)
	}

	// What is gone can be forgotten as well.
	must(t, os.RemoveAll(docs))
	m.must("sync", "--forget", docs)
	if text := m.must("status"); !strings.Contains(text, "no folder is synced") {
		t.Errorf("after --forget: %s", text)
	}
}
