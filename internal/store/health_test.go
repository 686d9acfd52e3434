package store

import (
	"errors"
	"math"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func ready(s *Store, least int64) error { return errors.Join(s.Ready(least)...) }

func TestReady(t *testing.T) {
	data := newFolder(t, 0)
	var commits atomic.Int64
	s, err := Open(Config{Data: data, OnCommit: func() { commits.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	before := commits.Load()
	if err := ready(s, 1); err != nil {
		t.Errorf("a new store: %v", err)
	}
	if n := commits.Load() - before; n != 0 {
		t.Errorf("the look at it made %d commits", n)
	}
	if err := ready(s, math.MaxInt64); !errors.Is(err, ErrSpace) {
		t.Errorf("with more wanted than any disk has: %v", err)
	}
	objects := s.folder.objects()
	if err := os.Rename(objects, objects+".away"); err != nil {
		t.Fatal(err)
	}
	if err := ready(s, 1); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), objects) {
		t.Errorf("without a folder of objects: %v", err)
	}
	if h, err := s.Health(); err != nil || h.Writable {
		t.Errorf("without a folder of objects: %+v, %v", h, err)
	}
	if err := os.Rename(objects+".away", objects); err != nil {
		t.Fatal(err)
	}
	if err := ready(s, 1); err != nil {
		t.Errorf("all is there again: %v", err)
	}
	s.stop("sync", errors.New("told so by a test"))
	if err := ready(s, 1); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a store that has stopped writing: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ready(s, 1); err == nil {
		t.Error("a closed store is ready")
	}
}

// Whoever holds the gate is waited for, as a write would.
func TestReadyWaitsForTheGate(t *testing.T) {
	s := openSlot(t, newFolder(t, 0), 0, nil)
	gate, err := lockFile(s.folder.gate(), exclusive, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- ready(s, 1) }()
	select {
	case err := <-done:
		t.Errorf("ready while another holds the gate: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	gate.unlock()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestHealth(t *testing.T) {
	s := openSlot(t, newFolder(t, 0), 0, nil)
	h, err := s.Health()
	if err != nil {
		t.Fatal(err)
	}
	if h.ReadOnly || !h.Writable || h.Writes < 1 || h.Free <= 0 || h.Size < h.Free || h.Log <= 0 {
		t.Errorf("%+v", h)
	}
}
