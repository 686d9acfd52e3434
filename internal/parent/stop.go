package parent

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/handoff"
	"sluice/internal/stats"
)

func (s *server) serverState() stats.State { return stats.State(s.state.Load()) }

func (s *server) draining() bool { return s.serverState() == stats.Draining }

// over tells whether a stop was asked for and all children have ended.
func (s *server) over() bool {
	if !s.draining() {
		return false
	}
	for _, w := range s.workers {
		if w.process != nil {
			return false
		}
	}
	return true
}

// drain stops accepting and lets the workers finish what is in flight.
func (s *server) drain() {
	if s.draining() {
		return
	}
	s.state.Store(uint64(stats.Draining))
	s.killAt = time.Now().Add(s.config.DrainLimit)
	s.release()
	s.log.WithField("limit", s.config.DrainLimit.String()).Info("draining: requests in flight finish, then the server ends")
	for _, w := range s.workers {
		if w.process == nil {
			s.setState(w, stats.Ended)
			continue
		}
		s.setState(w, stats.Draining)
		s.tellToDrain(w)
	}
}

// tellToDrain sends the message, or notes that the queue was full: it goes when w reads.
// A tenth of the limit is left for the worker to close the rest and end by itself.
func (s *server) tellToDrain(w *worker) {
	if !w.goneAt.IsZero() {
		return
	}
	limit := max(0, time.Until(s.killAt)) * 9 / 10
	err := w.channel.Send(handoff.Message{Kind: handoff.Drain, Value: uint64(limit.Milliseconds())}, -1)
	switch {
	case err == nil:
		w.toldToDrain = true
	case errors.Is(err, handoff.ErrFull):
		w.full = true
	default:
		s.giveUp(w, err)
	}
}

// limitOver kills what the drain has not ended. The server still ends well: what was
// acknowledged is kept, and the rest may be asked for again.
func (s *server) limitOver() {
	for _, w := range s.workers {
		if w.process != nil && !w.killed {
			s.log.WithField("worker", w.slot).WithField("pid", w.process.Pid).Warn("not drained within the limit; killed")
			s.killWorker(w)
		}
	}
	s.killAt = time.Time{}
}

// kill ends everything at once.
func (s *server) kill() {
	s.killed, s.killAt = true, time.Time{}
	s.state.Store(uint64(stats.Draining))
	s.release()
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
	if s.waiting >= 0 {
		unix.Close(s.waiting)
		s.waiting = -1
	}
}
