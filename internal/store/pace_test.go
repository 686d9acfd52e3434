package store

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	changes, requests := uint64(10), uint64(100)
	p := newPace(func() uint64 { return changes }, func() uint64 { return requests })
	timed := func(took time.Duration, hurry bool) time.Duration {
		began := time.Now()
		if !p.rest(t.Context(), took, hurry) {
			t.Fatal("the test has not ended")
		}
		return time.Since(began)
	}
	changes += ownCommits
	if rest := timed(20*time.Millisecond, false); rest < restQuiet*20*time.Millisecond {
		t.Errorf("nobody else commits: %v", rest)
	}
	changes += ownCommits + 1
	if rest := timed(20*time.Millisecond, false); rest < restBusy*20*time.Millisecond {
		t.Errorf("somebody else commits: %v", rest)
	}
	changes += ownCommits
	requests++
	if rest := timed(20*time.Millisecond, false); rest < restBusy*20*time.Millisecond {
		t.Errorf("somebody asks: %v", rest)
	}
	changes += ownCommits + 1
	if rest := timed(20*time.Millisecond, true); rest < restHurry*20*time.Millisecond || rest >= restBusy*20*time.Millisecond {
		t.Errorf("in a hurry: %v", rest)
	}
	if !newPace(nil, nil).busy() {
		t.Error("where nobody counts somebody may be at work")
	}
}

// While others commit, rows may take a share of what their COMMIT takes anyway; while nobody does, some milliseconds.
func TestPaceOfBatches(t *testing.T) {
	const row = 10 * time.Microsecond
	changes := uint64(0)
	p := newPace(func() uint64 { return changes }, nil)
	settle := func(sync time.Duration) int { // a COMMIT that takes as long for no rows, and twice a row's time for each
		for range 20 {
			work := time.Duration(p.size) * row
			p.held(work, sync+2*work)
		}
		return p.size
	}
	fast, slow := settle(200*time.Microsecond), settle(10*time.Millisecond)
	if fast > 10 || slow < 50 || slow > 200 {
		t.Errorf("others commit: %d rows on a fast disk, %d on a slow one", fast, slow)
	}
	p.rest(t.Context(), 0, false) // nobody has committed
	if quiet := settle(200 * time.Microsecond); quiet < 100 {
		t.Errorf("nobody commits: %d rows", quiet)
	}
	changes += ownCommits + 1
	p.rest(t.Context(), 0, false)
	if p.size > batchFirst {
		t.Errorf("the first batch that others notice has %d rows", p.size)
	}
	for range 20 {
		p.held(time.Second, 0)
	}
	if p.size != batchLeast {
		t.Errorf("long batches shrink to %d", p.size)
	}
	p.others = false
	for range 20 {
		p.held(0, 0)
	}
	if p.size != batchMost {
		t.Errorf("short batches grow to %d", p.size)
	}
}
