package parent

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/handoff"
	"sluice/internal/stats"
)

// done tells whether this server has come to its end: it was told to stop, was replaced or
// could not go on, and all children have ended. One that was told to stop also waits for
// the servers before it.
func (s *server) done() bool {
	if s.phase != draining && s.phase != replaced {
		return false
	}
	for _, w := range s.workers {
		if w.process != nil {
			return false
		}
	}
	return s.handed || s.killed || len(s.before) == 0 || !time.Now().Before(s.stopBy)
}

// drain stops accepting and lets the workers finish what is in flight, within the limit.
func (s *server) drain(limit time.Duration) {
	s.shorten(limit)
	if s.draining() {
		return
	}
	s.refuseAll(fmt.Errorf("%w: the server stops", ErrBusy))
	s.enter(draining)
	s.release()
	s.stopBefore(limit)
	if !s.handed {
		s.log.WithField("limit", limit.String()).Info("draining: requests in flight finish, then the server ends")
		s.manager.say(fmt.Sprintf("STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=%d", (limit + 10*time.Second).Microseconds()))
	}
	for _, w := range s.workers {
		s.retire(w, limit)
	}
}

// stopBefore has the servers this one has replaced stop as well; limit 0: at once. One that
// has not been replaced yet is none of this server's business.
func (s *server) stopBefore(limit time.Duration) {
	if s.heir != nil || s.handed {
		return
	}
	for _, b := range s.before {
		b.link.say(fmt.Sprintf("%s %d", sayStop, limit.Milliseconds()))
	}
}

// shorten bounds what is being finished already.
func (s *server) shorten(limit time.Duration) {
	end := time.Now().Add(limit)
	if s.stopBy.IsZero() || end.Before(s.stopBy) {
		s.stopBy = end
	}
}

// retire lets w finish what it has, within the limit; one that was told before can only
// get less time.
func (s *server) retire(w *worker, limit time.Duration) {
	w.retiring = true
	s.stale = true
	if w.process == nil {
		s.setState(w, stats.Ended)
		s.remove(w)
		return
	}
	end := time.Now().Add(limit)
	if w.killAt.IsZero() || end.Before(w.killAt) {
		w.killAt = end
		s.setState(w, stats.Draining)
		s.tellToDrain(w)
	}
}

// tellToDrain sends the message, or notes that the queue was full: it goes when w reads.
// Some of the limit is left for the worker to close the rest and end by itself.
func (s *server) tellToDrain(w *worker) {
	w.toldToDrain = false
	if !w.goneAt.IsZero() {
		return
	}
	limit := max(0, time.Until(w.killAt))
	limit -= min(limit/10, 5*time.Second)
	err := w.channel.Send(handoff.Message{Kind: handoff.Drain, Value: uint64(max(1, limit.Milliseconds()))}, -1)
	switch {
	case err == nil:
		w.toldToDrain = true
	case errors.Is(err, handoff.ErrFull):
		w.full = true
	default:
		s.giveUp(w, err)
	}
}

// kill ends everything at once.
func (s *server) kill() {
	s.refuseAll(ErrKilled)
	s.killed = true
	s.enter(draining)
	s.release()
	s.stopBefore(0)
	for _, w := range s.workers {
		if w.process != nil && !w.killed {
			s.killWorker(w)
		}
	}
}

// release closes the listeners and what was accepted and not handed over.
func (s *server) release() {
	closeAll(s.listeners)
	s.listeners = nil
	for _, a := range s.waiting {
		unix.Close(a.fd)
	}
	s.waiting = nil
}
