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
	return s.heir == nil && s.waiting == nil && s.freest() != nil
}

// acceptFrom takes what has arrived at l, as far as there is room for it.
func (s *server) acceptFrom(l *listener) {
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
	if !s.offer(a) {
		waiting := a // a copy, so that the others need no memory of their own
		s.waiting = &waiting
	}
}

// offerWaiting tries again with the connection nobody had room for.
func (s *server) offerWaiting() {
	if s.offer(*s.waiting) {
		s.waiting = nil
	}
}

// offer hands a connection to the worker with the fewest that takes it, and closes this
// copy; false: none has room, and it is still the caller's.
func (s *server) offer(a arrival) bool {
	for {
		w := s.freest()
		if w == nil {
			return false
		}
		number := s.table.add(w.slot, a.source)
		err := w.channel.Send(handoff.Message{Kind: handoff.Socket, Tag: a.tag, From: a.from, Connection: number}, a.fd)
		if err == nil {
			w.connections++
			s.lastGiven = slices.Index(s.workers, w)
			unix.Close(a.fd)
			return true
		}
		s.table.remove(w.slot, number)
		if errors.Is(err, handoff.ErrFull) {
			s.page.Parent().HandoffFull.Add(1)
			w.full, w.retryAt = true, time.Now().Add(retryFull)
			continue
		}
		// It is dying; its end will be reported.
		s.giveUp(w, err)
	}
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
