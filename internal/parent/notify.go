package parent

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// notifier hands messages to the service manager, in order, from a goroutine of its own:
// the manager's socket may be full, and the loop must not wait for it.
type notifier struct {
	queue chan string // nil: there is no manager
	ended chan struct{}
}

func newNotifier(send func(string)) *notifier {
	if send == nil {
		return &notifier{}
	}
	n := &notifier{queue: make(chan string, 64), ended: make(chan struct{})}
	go func() {
		defer close(n.ended)
		for message := range n.queue {
			send(message)
		}
	}()
	return n
}

// say queues a message. With 64 on their way the manager is not listening, and it is lost.
func (n *notifier) say(message string) {
	if n.queue == nil {
		return
	}
	select {
	case n.queue <- message:
	default:
	}
}

// close waits a moment for what is queued.
func (n *notifier) close() {
	if n.queue == nil {
		return
	}
	close(n.queue)
	select {
	case <-n.ended:
	case <-time.After(time.Second):
	}
}

// inform tells the service manager that the server lives, if it does, and what it is
// doing; it says when to do so again.
func (s *server) inform(now time.Time) time.Time {
	if s.manager.queue == nil || s.handed || s.heir != nil {
		return time.Time{}
	}
	if !now.Before(s.nextStatus) {
		s.nextStatus = now.Add(statusEvery)
		if status := s.statusLine(); status != s.lastStatus {
			s.lastStatus = status
			s.manager.say("STATUS=" + status)
		}
	}
	if s.config.Watchdog <= 0 {
		return time.Time{}
	}
	if !now.Before(s.nextFeed) {
		s.nextFeed = now.Add(s.config.Watchdog / 2)
		if s.healthy(now) {
			s.manager.say("WATCHDOG=1")
		}
	}
	return s.nextFeed
}

// healthy tells whether the server does what it is there for: some worker takes
// connections, and all that do answer. A server on its way up or down has limits of its own.
func (s *server) healthy(now time.Time) bool {
	if s.phase == starting || s.draining() {
		return true
	}
	some := false
	for _, w := range s.workers {
		if !w.ready || w.retiring || w.process == nil {
			continue
		}
		if now.Sub(w.lastBeat) > s.config.times.beat/2 {
			return false
		}
		some = true
	}
	return some
}

// statusLine is what the service manager shows beside the unit.
func (s *server) statusLine() string {
	ready, retiring, connections := 0, 0, 0
	for _, w := range s.workers {
		connections += w.connections
		switch {
		case w.retiring:
			retiring++
		case w.ready && w.process != nil:
			ready++
		}
	}
	line := fmt.Sprintf("%s: %d of %d workers, %d connections", s.phase, ready, s.config.Workers, connections)
	if retiring > 0 {
		line += fmt.Sprintf("; %d replaced workers finish", retiring)
	}
	if len(s.before) > 0 {
		line += fmt.Sprintf("; %d replaced servers finish", len(s.before))
	}
	return line
}

// sayReady tells the manager that a start, a reload or an upgrade is over.
func (s *server) sayReady(more string) {
	s.lastStatus = s.statusLine()
	s.manager.say("READY=1\nSTATUS=" + s.lastStatus + more)
}

// sayReloading tells the manager that the server is on its way to being ready again.
func (s *server) sayReloading() {
	var now unix.Timespec
	// It cannot fail for a clock every kernel has.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	s.manager.say(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d\nSTATUS=%s", now.Nano()/1000, s.phase))
}
