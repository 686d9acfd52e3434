package parent

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/handoff"
)

// accepting tells whether a new connection would find a worker.
func (s *server) accepting() bool {
	return s.heir == nil && len(s.waiting) == 0 && s.freest() != nil
}

// acceptFrom takes what has arrived at l, as far as there is room for it, and hands it over: together, so that a worker is
// woken once.
func (s *server) acceptFrom(l *listener) {
	defer s.deliver()
	for range acceptsATurn {
		if !s.accepting() {
			return
		}
		fd, from, err := s.accept(l.fd)
		switch err {
		case nil:
			s.take(arrival{fd: fd, from: from, tag: l.tag})
		case unix.EAGAIN:
			return
		case unix.EINTR, unix.ECONNABORTED, unix.EPROTO:
			// The connection has gone; the next may be there.
		default:
			// No descriptors or no memory: the listener stays readable, so look away.
			l.armedAt = time.Now().Add(disarm)
			s.warnAccept(l, err)
			return
		}
	}
}

// warnAccept says at most once in ten seconds that accept fails.
func (s *server) warnAccept(l *listener, err error) {
	now := time.Now()
	if now.Sub(s.warnedAt) < 10*time.Second {
		return
	}
	s.warnedAt = now
	s.log.WithError(err).WithField("listener", l.String()).Warn("cannot accept connections now; raise the limit of open files (LimitNOFILE, ulimit -n) if this comes again")
}

// arrival is a connection on its way to a worker. Who has it owns fd.
type arrival struct {
	fd     int
	from   netip.AddrPort
	source netip.Addr // what it counts against
	tag    uint8
	number uint64 // once it has a worker
}

// take owns a connection that has just come: refuses it or finds it a worker.
func (s *server) take(a arrival) {
	p := s.page.Parent()
	p.Accepted.Add(1)
	a.source = source(a.from.Addr())
	reason := ""
	switch {
	case a.tag == tagMetrics:
		// A full server is when its numbers are wanted; the worker bounds how many there are, and nobody logs in there.
		a.source = netip.Addr{}
	case len(s.table.all) >= s.config.MaxConnections:
		reason = "too many connections"
	case s.table.unknown[a.source] >= s.config.MaxUnknownPerAddress:
		reason = "too many connections from this address before log-in"
	}
	if reason != "" {
		p.Refused.Add(1)
		unix.Close(a.fd)
		s.log.WithField("peer", a.from.Addr().String()).Debug("refused: " + reason)
		return
	}
	s.offer(a)
}

// offerWaiting tries again with the connections nobody had room for.
func (s *server) offerWaiting() {
	waiting := s.waiting
	s.waiting = nil
	for _, a := range waiting {
		s.offer(a)
	}
	s.deliver()
}

// offer gives a connection to the worker with the fewest; deliver sends it. Where none has room it waits.
func (s *server) offer(a arrival) {
	w := s.freest()
	if w == nil {
		s.waiting = append(s.waiting, a)
		return
	}
	a.number = s.table.add(w.slot, a.source)
	w.connections++
	w.given = append(w.given, a)
	s.lastGiven = slices.Index(s.workers, w)
}

// deliver sends each worker what it was given and closes these copies. What a worker has no room for is offered to
// another.
func (s *server) deliver() {
	for again := true; again; {
		again = false
		for _, w := range s.workers {
			if len(w.given) > 0 && !s.deliverTo(w) {
				again = true
			}
		}
	}
}

// deliverTo is deliver for one worker; false: it did not take all.
func (s *server) deliverTo(w *worker) bool {
	given := w.given
	w.given = given[:0]
	s.messages, s.descriptors = s.messages[:0], s.descriptors[:0]
	for _, a := range given {
		s.messages = append(s.messages, handoff.Message{Kind: handoff.Socket, Tag: a.tag, From: a.from, Connection: a.number})
		s.descriptors = append(s.descriptors, a.fd)
	}
	sent, err := w.channel.SendEach(s.messages, s.descriptors)
	for _, a := range given[:sent] {
		unix.Close(a.fd)
	}
	switch {
	case err == nil:
		return true
	case errors.Is(err, handoff.ErrFull):
		s.page.Parent().HandoffFull.Add(1)
		w.full, w.retryAt = true, time.Now().Add(retryFull)
	default:
		// It is dying; its end will be reported.
		s.giveUp(w, err)
	}
	for _, a := range given[sent:] {
		s.table.remove(w.slot, a.number)
		w.connections--
		s.offer(a)
	}
	return false
}

// freest is the worker with the fewest connections that has room, or nil. Among equals it
// is the next in turn, so that short connections, one after the other, reach all.
func (s *server) freest() *worker {
	var best *worker
	for i := range s.workers {
		w := s.workers[(s.lastGiven+1+i)%len(s.workers)]
		if w.takes(s.room) && (best == nil || w.connections < best.connections) {
			best = w
		}
	}
	return best
}
