package poll

import "time"

// Timer calls a function at a time. It is made once and set again and again: moving it to later, which every request
// does, costs nothing until the earlier time has come. Only the loop's goroutine may use it.
type Timer struct {
	loop  *Loop
	f     func()
	at    int64 // when f is to run
	key   int64 // where the heap has it: at, or earlier
	index int   // in the heap; -1: not set
}

// Timer makes a timer that is not set.
func (l *Loop) Timer(f func()) *Timer { return &Timer{loop: l, f: f, index: -1} }

// Set arms the timer, or moves it. A time that has passed makes f run in this turn or the next.
func (t *Timer) Set(at time.Time) {
	t.at = int64(at.Sub(t.loop.base))
	h := &t.loop.timers
	switch {
	case t.index < 0:
		t.key = t.at
		h.push(t)
	case t.at < t.key:
		t.key = t.at
		h.up(t.index)
	}
}

// Stop disarms the timer. Stopping twice does nothing.
func (t *Timer) Stop() {
	if t.index >= 0 {
		t.loop.timers.remove(t.index)
	}
	t.index = -1
}

// untilTimer is how long the loop may sleep for its timers, in milliseconds, rounded up; -1: for ever.
func (l *Loop) untilTimer() int {
	if len(l.timers) == 0 {
		return -1
	}
	d := l.timers[0].key - int64(time.Since(l.base))
	if d <= 0 {
		return 0
	}
	// An hour at most keeps the figure within what epoll_wait takes.
	return int(min((d+int64(time.Millisecond)-1)/int64(time.Millisecond), 3_600_000))
}

// expire runs the timers that are due. One that sets itself to a time already past waits for the next turn.
func (l *Loop) expire() {
	now := int64(l.now.Sub(l.base))
	due := l.due[:0]
	for len(l.timers) > 0 && l.timers[0].key <= now {
		t := l.timers[0]
		if t.at > now {
			t.key = t.at
			l.timers.down(0)
			continue
		}
		l.timers.remove(0)
		due = append(due, t)
		t.index = waiting
	}
	for _, t := range due {
		if t.index != waiting {
			continue // stopped, or set anew, by one that ran before it
		}
		t.index = -1
		l.call(0, t.f)
	}
	clear(due)
	l.due = due[:0]
}
