package control

import (
	"path/filepath"
	"testing"

	"sluice/internal/stats"
)

func TestChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page")
	raise, done, err := Changes(path)
	if err != nil {
		t.Fatal(err)
	}
	raise() // no server has run here
	done()
	page, err := stats.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer page.Close()
	raise, done, err = Changes(path)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	raise()
	if got := page.Changes().Load(); got != 1 {
		t.Errorf("the server sees %d changes, want 1", got)
	}
}
