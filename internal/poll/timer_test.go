package poll

import (
	"math/rand"
	"slices"
	"testing"
	"time"
)

// past waits until all timers that are due within d have run.
func past(t *testing.T, l *Loop, do func(func()), d time.Duration) {
	t.Helper()
	ran := make(chan struct{})
	do(func() { l.Timer(func() { close(ran) }).Set(l.Now().Add(d)) })
	within(t, ran, "a timer")
}

func TestTimersRunInOrder(t *testing.T) {
	l, do := start(t)
	var got []int
	do(func() {
		for _, i := range rand.Perm(50) {
			l.Timer(func() { got = append(got, i) }).Set(l.Now().Add(time.Duration(i) * time.Millisecond / 4))
		}
	})
	past(t, l, do, 13*time.Millisecond)
	do(func() {
		if len(got) != 50 || !slices.IsSorted(got) {
			t.Errorf("order %v", got)
		}
	})
}

func TestTimerMoves(t *testing.T) {
	rows := []struct {
		name string
		act  func(l *Loop, tm *Timer)
		runs int
	}{
		{"to later", func(l *Loop, tm *Timer) { tm.Set(l.Now().Add(time.Hour)) }, 0},
		{"to later and back", func(l *Loop, tm *Timer) { tm.Set(l.Now().Add(time.Hour)); tm.Set(l.Now()) }, 1},
		{"to earlier", func(l *Loop, tm *Timer) { tm.Set(l.Now().Add(-time.Second)) }, 1},
		{"stopped", func(l *Loop, tm *Timer) { tm.Stop(); tm.Stop() }, 0},
		{"stopped and set", func(l *Loop, tm *Timer) { tm.Stop(); tm.Set(l.Now()) }, 1},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			l, do := start(t)
			var runs int
			var tm *Timer
			do(func() {
				tm = l.Timer(func() { runs++ })
				tm.Set(l.Now().Add(2 * time.Millisecond))
				row.act(l, tm)
			})
			past(t, l, do, 10*time.Millisecond)
			do(func() {
				if runs != row.runs {
					t.Errorf("ran %d times, want %d", runs, row.runs)
				}
				tm.Stop()
			})
		})
	}
}

// A timer of a connection that another timer of the same turn has closed must not run.
func TestTimerStoppedByAnother(t *testing.T) {
	l, do := start(t)
	var runs int
	do(func() {
		var a, b *Timer
		a = l.Timer(func() { runs++; b.Stop() })
		b = l.Timer(func() { runs++; a.Stop() })
		a.Set(l.Now())
		b.Set(l.Now())
	})
	past(t, l, do, time.Millisecond)
	do(func() {
		if runs != 1 {
			t.Errorf("%d timers ran, want 1", runs)
		}
	})
}

// A timer that sets itself to a time already past must not keep the turn from ending.
func TestTimerSetsItself(t *testing.T) {
	l, do := start(t)
	var runs int
	var tm *Timer
	ended := make(chan struct{})
	before := l.Turns()
	do(func() {
		tm = l.Timer(func() {
			if runs++; runs < 100 {
				tm.Set(l.Now())
			} else {
				close(ended)
			}
		})
		tm.Set(l.Now())
	})
	within(t, ended, "the timer to have run 100 times")
	if turns := l.Turns() - before; turns < 90 {
		t.Errorf("only %d turns", turns)
	}
}

// The heap against a sorted list, with random pushes, moves and removals.
func TestHeapAgainstModel(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	var h timerHeap
	model := map[*Timer]bool{}
	for range 20_000 {
		switch k := random.Intn(4); {
		case k < 2 || len(h) == 0:
			tm := &Timer{key: random.Int63n(1000), index: -1}
			h.push(tm)
			model[tm] = true
		case k == 2:
			tm := h[random.Intn(len(h))]
			h.remove(tm.index)
			delete(model, tm)
		default:
			tm := h[random.Intn(len(h))]
			tm.key -= random.Int63n(100)
			h.up(tm.index)
		}
		if len(h) != len(model) {
			t.Fatalf("%d in the heap, %d in the model", len(h), len(model))
		}
	}
	last := int64(-1 << 62)
	for len(h) > 0 {
		tm := h[0]
		if tm.index != 0 || tm.key < last || !model[tm] {
			t.Fatalf("key %d after %d, index %d", tm.key, last, tm.index)
		}
		last = tm.key
		h.remove(0)
	}
}
