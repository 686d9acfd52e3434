package poll

import "golang.org/x/sys/unix"

// Post runs f on the loop, after the events of the turn and in the order of posting. Any goroutine may call it. One
// write to the eventfd wakes a sleeping loop however many functions are posted; a loop that is awake needs none.
func (l *Loop) Post(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wake < 0 {
		return
	}
	l.posted = append(l.posted, f)
	if !l.sleeping {
		return
	}
	l.sleeping = false
	one := [8]byte{1}
	for {
		// EAGAIN would mean a counter near 2^64: the loop is awake then anyway.
		if _, err := unix.Write(l.wake, one[:]); err != unix.EINTR {
			return
		}
	}
}

// takePosted also marks the loop as awake, so that functions posted while it works cost no wake.
func (l *Loop) takePosted() []func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sleeping = false
	p := l.posted
	l.posted = l.taken[:0]
	return p
}

func (l *Loop) readWake() {
	var b [8]byte
	// An error leaves the descriptor readable: the next turn reads it again.
	_, _ = unix.Read(l.wake, b[:])
}

// Soon runs f once at the end of this turn; the next turn then only looks at the descriptors and does not sleep. A
// function that calls Soon again runs at the end of the next turn, so a long transfer can go on in portions while
// others get theirs. Only the loop's goroutine may call it.
func (l *Loop) Soon(f func()) { l.soon = append(l.soon, f) }

// Stop ends Run after the current turn. Any goroutine may call it.
func (l *Loop) Stop() { l.Post(func() { l.done = true }) }
