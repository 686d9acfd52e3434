package poll

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// batch is how many events one epoll_wait fetches. More would let posted functions and timers wait longer in a busy
// turn; fewer would cost calls.
const batch = 256

// Loop waits for descriptors, timers and posted functions.
type Loop struct {
	// OnPanic is told of a panic in a callback, with the token it was called for, or 0 for a posted function, a timer
	// or a Soon function. It runs while the stack of the panic still stands. nil: panics are not recovered. Set it
	// before Run.
	OnPanic func(Token, any)

	epoll   int
	sources map[Token]*source
	last    Token // the last one given out; 0 is the wake descriptor
	events  []unix.EpollEvent

	base   time.Time // timers are kept as nanoseconds since base
	now    time.Time
	timers timerHeap
	due    []*Timer // what expire works through
	soon   []func()
	spare  []func() // the backing array soon had in the turn before
	taken  []func() // the backing array posted had in the turn before
	turns  atomic.Uint64
	done   bool

	mu       sync.Mutex
	wake     int      // eventfd; -1 when closed
	posted   []func() // in order
	sleeping bool     // the loop is, or is about to be, in epoll_wait and needs a wake
}

// New makes a loop. It holds two descriptors until Close.
func New() (*Loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create an epoll set: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(epoll)
		return nil, fmt.Errorf("create an eventfd: %w", err)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &event); err != nil {
		unix.Close(epoll)
		unix.Close(wake)
		return nil, fmt.Errorf("add the eventfd: %w", err)
	}
	now := time.Now()
	return &Loop{
		epoll: epoll, wake: wake, base: now, now: now,
		sources: make(map[Token]*source), events: make([]unix.EpollEvent, batch),
	}, nil
}

// Run turns the loop on this goroutine, locked to its thread, until Stop.
func (l *Loop) Run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for !l.done {
		if err := l.turn(); err != nil {
			return err
		}
	}
	return nil
}

func (l *Loop) turn() error {
	n, err := unix.EpollWait(l.epoll, l.events, l.timeout())
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("epoll_wait: %w", err)
	}
	l.now = time.Now()
	l.turns.Add(1)
	for i := range max(n, 0) { // n is -1 after EINTR
		l.dispatch(&l.events[i])
	}
	posted := l.takePosted()
	for _, f := range posted {
		l.call(0, f)
	}
	clear(posted)
	l.taken = posted
	l.expire()
	soon := l.soon
	l.soon = l.spare[:0]
	for _, f := range soon {
		l.call(0, f)
	}
	clear(soon)
	l.spare = soon
	return nil
}

// timeout is how long the coming epoll_wait may sleep, in milliseconds, and marks the loop as sleeping if it may.
func (l *Loop) timeout() int {
	if len(l.soon) > 0 {
		return 0
	}
	ms := l.untilTimer()
	if ms == 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.posted) > 0 {
		return 0
	}
	l.sleeping = true
	return ms
}

// Now is the time at which this turn's events were fetched.
func (l *Loop) Now() time.Time { return l.now }

// Turns counts the turns. Any goroutine may call it; a loop whose count stands still while work is posted hangs.
func (l *Loop) Turns() uint64 { return l.turns.Load() }

// call runs f and hands a panic in it to OnPanic.
func (l *Loop) call(t Token, f func()) {
	if l.OnPanic != nil {
		defer func() {
			if r := recover(); r != nil {
				l.OnPanic(t, r)
			}
		}()
	}
	f()
}

// Close gives the loop's own descriptors back. Run must have returned. Functions posted later are dropped.
func (l *Loop) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wake < 0 {
		return nil
	}
	err := errors.Join(unix.Close(l.epoll), unix.Close(l.wake))
	l.wake, l.posted = -1, nil
	return err
}
