package store

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	changes := uint64(10)
	p := newPace(func() uint64 { return changes })
	timed := func(took time.Duration, own uint64) time.Duration {
		began := time.Now()
		if !p.rest(t.Context(), took, own) {
			t.Fatal("the test has not ended")
		}
		return time.Since(began)
	}
	changes += 2
	if rest := timed(20*time.Millisecond, 2); rest < restQuiet*20*time.Millisecond {
		t.Errorf("nobody else commits: %v", rest)
	}
	changes += 3
	if rest := timed(20*time.Millisecond, 2); rest < restBusy*20*time.Millisecond {
		t.Errorf("somebody else commits: %v", rest)
	}
	for range 20 {
		p.held(0)
	}
	if p.size != batchMost {
		t.Errorf("short batches grow to %d", p.size)
	}
	for range 20 {
		p.held(time.Second)
	}
	if p.size != batchLeast {
		t.Errorf("long batches shrink to %d", p.size)
	}
	if !newPace(nil).busy(0) {
		t.Error("where nobody counts somebody may be at work")
	}
}
