package parent

import (
	"errors"
	"io"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/handoff"
	"sluice/internal/stats"
)

// listenTo reads what w has sent. revents is what ppoll said of its channel.
func (s *server) listenTo(w *worker, revents int16) {
	w.unread = false
	if w.channel == nil || !w.goneAt.IsZero() || revents == 0 {
		return
	}
	if revents&unix.POLLOUT != 0 {
		w.full = false
		if !w.killAt.IsZero() && !w.toldToDrain {
			s.tellToDrain(w)
		}
	}
	if revents&^unix.POLLOUT == 0 {
		return
	}
	for n := 0; n < messagesATurn || w.channel.Fetched(); n++ {
		message, fd, err := w.channel.Recv()
		switch {
		case err == nil:
			s.hear(w, message, fd)
		case errors.Is(err, handoff.ErrAgain):
			return
		case errors.Is(err, handoff.ErrLost), errors.Is(err, handoff.ErrMalformed):
			w.stats.Junk.Add(1)
		default:
			s.giveUp(w, err)
			return
		}
		if !w.channel.More() {
			return
		}
	}
	w.unread = true
}

// giveUp stops using a channel that is at its end; the process has goneLimit to end too.
func (s *server) giveUp(w *worker, err error) {
	if !w.goneAt.IsZero() {
		return
	}
	w.goneAt = time.Now()
	if !errors.Is(err, io.EOF) && !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
		s.log.WithError(err).WithField("worker", w.slot).Error("hand-off failed")
	}
}

// hear acts on one message. The worker may be in hostile hands: it can only speak of its
// own connections, and what makes no sense is counted and dropped. hear owns fd, -1 for none.
func (s *server) hear(w *worker, m handoff.Message, fd int) {
	if fd >= 0 {
		unix.Close(fd) // only Move brings one, and nothing is moved yet
	}
	sense := true
	switch m.Kind {
	case handoff.Ready:
		if sense = !w.ready; sense {
			s.becameReady(w)
		}
	case handoff.Beat:
		if m.Value != w.loopTurns { // a beat that did not come from a turn of the loop proves nothing
			w.loopTurns, w.lastBeat = m.Value, time.Now()
		}
	case handoff.Known:
		sense = s.table.know(w.slot, m.Connection)
	case handoff.Gone:
		if sense = s.table.remove(w.slot, m.Connection); sense {
			w.connections--
		}
	default:
		sense = false
	}
	if !sense {
		w.stats.Junk.Add(1)
	}
}

// becameReady opens w for connections, and the server when w was the last.
func (s *server) becameReady(w *worker) {
	w.ready, w.lastBeat, w.failures = true, time.Now(), 0
	s.stale = true
	if s.draining() || w.retiring {
		return
	}
	s.setState(w, stats.Ready)
	s.log.WithField("worker", w.slot).WithField("pid", w.process.Pid).Debug("a worker is ready")
	if s.phase != starting || !s.allReady() {
		return
	}
	if s.heir != nil {
		s.heir.from.link.say(sayUp) // and wait for its answer
		return
	}
	s.enter(serving)
	s.announce()
	s.sayReady("")
	if s.config.Ready != nil {
		s.config.Ready(texts(s.listeners, tagMain))
	}
	s.goOn()
}

func (s *server) allReady() bool {
	return !slices.ContainsFunc(s.workers, func(w *worker) bool { return !w.ready })
}
