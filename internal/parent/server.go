package parent

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"sluice/internal/control"
	"sluice/internal/handoff"
	"sluice/internal/stats"
)

// server is the parent's state. After the start only the goroutine in turns touches
// it, but for what answer reads: view, started, code and page.
type server struct {
	config  Config
	log     *logrus.Logger
	lock    *os.File // server.lock, owned by Run
	page    *stats.Page
	wake    *wake
	started time.Time
	room    int           // connections a worker's descriptors allow
	over    chan struct{} // closed when nothing is asked any more
	code    func(error) int
	manager *notifier
	answers *control.Server // nil: another server has the control socket
	control int             // the socket, while it is still the server's before; -1: none. Owned
	phase   phase
	view    atomic.Pointer[view]
	stale   bool // view is to be drawn again

	listeners  []*listener // owned; none once it drains
	workers    []*worker   // all processes, also those that have been replaced
	generation uint64      // of the configuration that holds
	table      *table
	lastGiven  int // the place in workers that got the last connection

	change  *change       // a reload under way
	pending []chan result // who asked for another one meanwhile
	upgrade *upgrade      // a successor that comes up
	handed  bool          // a successor has taken over
	heir    *heir         // this server's own taking over, until it is done
	before  []*before     // servers that were replaced, or are to be, and still live

	// Accepted connections no worker had room for: those of one turn. Nothing is accepted
	// meanwhile: the kernel's backlog is the queue.
	waiting []arrival

	// Reused: by wait, accept and deliverTo.
	set         []unix.PollFd
	peer        unix.RawSockaddrAny
	messages    []handoff.Message
	descriptors []int

	lastTurn   time.Time
	warnedAt   time.Time // the last complaint about accept
	stopBy     time.Time // end of the drain; zero: none runs
	nextFeed   time.Time // of the service manager's watchdog
	nextStatus time.Time // when its status line is looked at again
	lastStatus string
	killed     bool
	failure    error // what ends a server that was not told to stop
}

// turns is the loop; it ends when a stop was asked for and the last child is gone.
func (s *server) turns() error {
	s.lastTurn = time.Now()
	for {
		next := s.tick(time.Now())
		if s.done() {
			break
		}
		if err := s.wait(next); err != nil {
			return err
		}
		s.turn()
	}
	switch {
	case s.failure != nil:
		return s.failure
	case s.killed:
		return ErrKilled
	}
	return nil
}

// wait blocks until something can be done or next has come. The order of the set is:
// eventfd, one entry for each worker, one for each listener, then the links to other
// servers; ppoll passes over those with a negative descriptor.
func (s *server) wait(next time.Time) error {
	s.set = append(s.set[:0], unix.PollFd{Fd: int32(s.wake.fd), Events: unix.POLLIN})
	now := time.Now()
	for _, w := range s.workers {
		s.set = append(s.set, w.interest(now))
	}
	accepting := s.accepting()
	for _, l := range s.listeners {
		entry := unix.PollFd{Fd: -1, Events: unix.POLLIN}
		if accepting && !now.Before(l.armedAt) {
			entry.Fd = int32(l.fd)
		}
		s.set = append(s.set, entry)
	}
	for _, l := range s.links() {
		s.set = append(s.set, unix.PollFd{Fd: int32(l.fd), Events: unix.POLLIN})
	}
	timeout := unix.NsecToTimespec(int64(max(0, next.Sub(now))))
	_, err := unix.Ppoll(s.set, &timeout, nil)
	if err == unix.EINTR || err == unix.EAGAIN || err == unix.ENOMEM {
		// Nothing is known of any descriptor now.
		for i := range s.set {
			s.set[i].Revents = 0
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("wait for connections: %w", err)
	}
	return nil
}

// turn does what wait has found. Posted functions and other servers' messages come last:
// they may change the workers and listeners the set speaks of.
func (s *server) turn() {
	s.pauseNoticed(time.Now())
	set := s.set
	woken := set[0].Revents != 0
	set = set[1:]
	for i, w := range s.workers {
		s.listenTo(w, set[i].Revents)
	}
	set = set[len(s.workers):]
	if len(s.waiting) > 0 {
		s.offerWaiting()
	}
	for i, l := range s.listeners {
		if set[i].Revents != 0 {
			s.acceptFrom(l)
		}
	}
	set = set[len(s.listeners):]
	for i, l := range s.links() {
		if set[i].Revents != 0 {
			l.hear()
		}
	}
	if woken {
		for _, f := range s.wake.take() {
			f()
		}
	}
	s.publish()
}

// pauseNoticed forgives the workers' silence while this process itself stood still
// (a stopped or suspended machine): their beats lie unread.
func (s *server) pauseNoticed(now time.Time) {
	if pause := now.Sub(s.lastTurn); pause > s.config.times.beat/2 {
		for _, w := range s.workers {
			w.lastBeat = w.lastBeat.Add(pause)
		}
	}
	s.lastTurn = now
}

// tick does what is due by the clock and says when to look again. It never sleeps
// longer than a quarter of the time a worker may be silent.
func (s *server) tick(now time.Time) time.Time {
	next := now.Add(s.config.times.beat / 4)
	earlier := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	s.advance()
	for _, w := range s.workers {
		earlier(s.watch(w, now))
	}
	for _, l := range s.listeners {
		if now.Before(l.armedAt) {
			earlier(l.armedAt)
		}
	}
	earlier(s.watchSuccessor(now))
	if !s.stopBy.IsZero() && now.Before(s.stopBy) {
		earlier(s.stopBy)
	}
	earlier(s.inform(now))
	if s.stale {
		s.draw()
	}
	return next
}

// publish puts the parent's numbers where status finds them. A server that has been
// replaced leaves them to its successor.
func (s *server) publish() {
	if s.handed || s.heir != nil {
		return
	}
	p := s.page.Parent()
	p.Connections.Store(int64(len(s.table.all)))
	p.Unknown.Store(int64(s.table.strange))
	longest := time.Duration(0)
	for _, w := range s.workers {
		longest = max(longest, w.backoff)
	}
	p.BackoffMs.Store(longest.Milliseconds())
}
