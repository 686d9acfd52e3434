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
	return s.heir == nil && s.waiting < 0 && s.freest() != nil
}

// acceptFrom takes what has arrived at l, as far as there is room for it.
func (s *server) acceptFrom(l *listener) {
	for range acceptsATurn {
		if !s.accepting() {
			return
		}
		fd, from, err := unix.Accept4(l.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			s.take(fd, addrPort(from).Addr(), l.tag)
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

// take owns fd, a connection that has just come: refuses it or finds it a worker.
func (s *server) take(fd int, from netip.Addr, tag uint8) {
	p := s.page.Parent()
	p.Accepted.Add(1)
	key := source(from)
	reason := ""
	switch {
	case tag == tagMetrics:
		// A full server is when its numbers are wanted; the worker bounds how many there are, and nobody logs in there.
		key = netip.Addr{}
	case len(s.table.all) >= s.config.MaxConnections:
		reason = "too many connections"
	case s.table.unknown[key] >= s.config.MaxUnknownPerAddress:
		reason = "too many connections from this address before log-in"
	}
	if reason != "" {
		p.Refused.Add(1)
		unix.Close(fd)
		s.log.WithField("peer", from.String()).Debug("refused: " + reason)
		return
	}
	if !s.offer(fd, key, tag) {
		s.waiting, s.waitingFrom, s.waitingTag = fd, key, tag
	}
}

// offerWaiting tries again with the connection nobody had room for.
func (s *server) offerWaiting() {
	if s.offer(s.waiting, s.waitingFrom, s.waitingTag) {
		s.waiting = -1
	}
}

// offer hands fd to the worker with the fewest connections that takes it, and closes
// this copy; false: none has room, and fd is still the caller's.
func (s *server) offer(fd int, from netip.Addr, tag uint8) bool {
	for {
		w := s.freest()
		if w == nil {
			return false
		}
		number := s.table.add(w.slot, from)
		err := w.channel.Send(handoff.Message{Kind: handoff.Socket, Tag: tag, Connection: number}, fd)
		if err == nil {
			w.connections++
			s.lastGiven = slices.Index(s.workers, w)
			unix.Close(fd)
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
