package parent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"sluice/internal/control"
)

// An upgrade, seen from the new server (successor.go has the other side):
//
//	descriptors and lock are inherited; the start-up child only looks
//	workers start, in slots of the page that are free
//	all ready: "up"
//	"yours": take the control socket, accept, tell the service manager
//
// The one before ends at any time; its link is at its end then. If it had not said
// "yours", this server goes on as if it had.

// heir is a server that has not taken over yet.
type heir struct{ from *before }

// before is a server this one has replaced, or will.
type before struct {
	pid   int
	link  *link
	slots []int // of the page, its workers'
}

// listenBefore sets up the links.
func (s *server) listenBefore() {
	for _, b := range s.before {
		b.link.hear = func() { s.hearBefore(b) }
	}
}

func (s *server) hearBefore(b *before) {
	for {
		packet, err := b.link.read()
		switch {
		case errors.Is(err, errNothing):
			return
		case err != nil:
			if !errors.Is(err, io.EOF) {
				s.log.WithError(err).Warn("the link to the server before is broken")
			}
			s.beforeEnded(b)
			return
		case packet == sayYours && s.heir != nil && s.heir.from == b:
			s.takeOver()
		}
	}
}

// beforeEnded: a replaced server has ended; its workers are gone or will be soon.
func (s *server) beforeEnded(b *before) {
	b.link.close()
	s.before = slices.DeleteFunc(slices.Clone(s.before), func(other *before) bool { return other == b })
	s.stale = true
	s.log.WithField("pid", b.pid).Info("a replaced server has ended")
	if s.heir == nil || s.heir.from != b {
		return
	}
	s.log.Warn("it ended before it had handed over")
	if s.allReady() {
		s.takeOver()
	} else {
		s.heir = nil // a start like any other
		s.takeControl()
	}
}

// takeOver: the server before accepts no more, now this one does.
func (s *server) takeOver() {
	s.heir = nil
	s.takeControl()
	s.enter(serving)
	s.publish()
	s.announce()
	s.sayReady(fmt.Sprintf("\nMAINPID=%d", os.Getpid()))
	if s.config.Ready != nil {
		s.config.Ready(texts(s.listeners, tagMain))
	}
	s.goOn()
}

// takeControl makes the control socket and the name in the lock this server's.
func (s *server) takeControl() {
	if err := writePid(s.lock); err != nil {
		s.log.WithError(err).Warn("cannot write the process id into the lock")
	}
	path := filepath.Join(s.config.Data, ControlName)
	answers, err := control.Adopt(s.control, path, s.answer)
	if err != nil {
		s.log.WithError(err).Warn("the control socket cannot be taken over; making another")
		answers, err = control.Serve(path, s.answer)
	}
	s.control = -1
	if err != nil {
		s.log.WithError(err).Error("no control socket: sluiced status and reload do not work; SIGHUP and SIGTERM do")
		return
	}
	s.answers = answers
}

// giveUpTakingOver ends this server; the one before goes on.
func (s *server) giveUpTakingOver(err error) {
	if s.failure == nil {
		s.failure = err
		s.kill()
	}
}
