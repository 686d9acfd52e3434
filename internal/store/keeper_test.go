package store

import (
	"os"
	"testing"
)

// A database that cannot be opened or read when its log is to be moved has lost nothing: writing goes on, and the log is moved the
// next time.
func TestCheckpointThatCannotRead(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	away := s.folder.database() + ".away"
	must(t, os.Rename(s.folder.database(), away))
	s.checkpoint(false) // the first one opens the keeper's connection
	must(t, os.Rename(away, s.folder.database()))
	if s.ReadOnly() {
		t.Error("the store stops writing")
	}
	_, err := put(s, w, bytesOf(1, 10))
	must(t, err)
	s.checkpoint(true)
	_, err = put(s, w, bytesOf(2, 10)) // this one begins the log anew
	must(t, err)
	if n, err := s.db.LogLength(); err != nil || n > 100<<10 {
		t.Errorf("the log is not moved: %d bytes, %v", n, err)
	}
}
