package store

import (
	"context"
	"testing"
	"time"

	"sluice/internal/hash"
)

func afterHolds() time.Time   { return time.Now().Add(holdKept + time.Hour) }
func afterUploads() time.Time { return time.Now().Add(DefaultPolicy().Partials + time.Hour) }

func TestSweep(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	content := bytesOf(1, ChunkSize+5)
	u := openUpload(t, s, w, int64(len(content)))
	if err := chunk(s, w, u, 1, content); err != nil {
		t.Fatal(err)
	}
	if _, err := put(s, w, bytesOf(2, 100)); err != nil {
		t.Fatal(err)
	}
	if err := s.sweep(t.Context(), time.Now().Add(holdKept/2)); err != nil {
		t.Fatal(err)
	}
	if held := usage(t, s, w); held != int64(len(content))+100 {
		t.Errorf("swept too early: charged %d", held)
	}
	if err := s.sweep(t.Context(), afterHolds()); err != nil {
		t.Fatal(err)
	}
	if held := usage(t, s, w); held != int64(len(content)) {
		t.Errorf("charged %d", held)
	}
	// One that is being written to is passed by.
	c, err := s.ChunkBegin(w, u, 0, ChunkSize, hash.ChunkValue(content[:ChunkSize], 0))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.sweep(t.Context(), afterUploads()); err != nil {
		t.Fatal(err)
	}
	if held := usage(t, s, w); held != int64(len(content)) {
		t.Errorf("charged %d", held)
	}
	c.Abort()
	if err := s.sweep(t.Context(), afterUploads()); err != nil {
		t.Fatal(err)
	}
	if held := usage(t, s, w); held != 0 {
		t.Errorf("charged %d", held)
	}
	if err := chunk(s, w, u, 0, content); err != ErrNotFound {
		t.Error(err)
	}
	audit(t, data, true)
}

// An account removed in mid upload: its chunk fails, its file goes.
func TestUploadOfARemovedAccount(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	content := bytesOf(1, 5000)
	u := openUpload(t, s, w, 5000)
	c, err := s.ChunkBegin(w, u, 0, 5000, hash.ChunkValue(content, 0))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.UserRemove("ann"); err != nil {
		t.Fatal(err)
	}
	if err := fill([]Piece{c.Piece()}, content); err != nil {
		t.Fatal(err)
	}
	if err := c.Finish(); err != ErrNotFound {
		t.Error(err)
	}
	if err := s.sweep(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	audit(t, data, true)
}

// One keeper at a time; when it ends the other takes over.
func TestKeeperTakesOver(t *testing.T) {
	data := newFolder(t, 0)
	a, b := openSlot(t, data, 0, nil), openSlot(t, data, 1, nil)
	run := func(s *Store) (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); s.Keeper(ctx) }()
		return func() { cancel(); <-done }
	}
	held := func() bool {
		l, err := lockFile(a.folder.keeperLock(), exclusive, 0)
		if err == nil {
			l.unlock()
		}
		return err != nil
	}
	wait := func() {
		for end := time.Now().Add(10 * time.Second); !held(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("nobody is the keeper")
			}
		}
	}
	stopA := run(a)
	wait()
	stopB := run(b)
	stopA()
	wait()
	stopB()
	if held() {
		t.Error("the lock was kept")
	}
}

func TestWalWatch(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	watch := walWatch{path: s.folder.database() + "-wal", length: s.db.LogLength}
	now := time.Now()
	due, anew := watch.due(now, false)
	if !due || anew {
		t.Error("the first look finds a log")
	}
	watch.done(now, s.checkpoint(anew))
	if due, _ := watch.due(now.Add(time.Hour), false); due {
		t.Error("nothing was written since")
	}
	time.Sleep(20 * time.Millisecond)
	if _, err := put(s, w, bytesOf(1, 10)); err != nil {
		t.Fatal(err)
	}
	if due, _ := watch.due(now.Add(time.Second), false); due {
		t.Error("a little can wait")
	}
	if due, _ := watch.due(now.Add(walIdle), false); !due {
		t.Error("but not for ever")
	}
}
