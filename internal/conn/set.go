package conn

import (
	"context"
	"runtime"
	"time"

	"github.com/sirupsen/logrus"

	"sluice/internal/poll"
)

// Set is the connections of one loop and what they share. Only the loop's goroutine uses it.
type Set struct {
	cfg     Config
	limits  Limits
	loop    *poll.Loop
	context context.Context // of all jobs; ends with Kill
	kill    context.CancelFunc
	debug   bool // a line a request is wanted

	conns    map[*Conn]struct{}
	parked   map[*Conn]struct{}
	notice   *poll.Timer // looks at the change counter while something is parked
	draining bool

	slowUntil time.Time // until then bodies are flushed in jobs from the beginning

	out     []byte                // a reply is put together here
	free    []*request            // finished ones
	buffers [][]byte              // of copyBytes
	sent    func(*Conn, *request) // logs a request; a field because steps must not refer to the table
	run     func(*Conn)           // takes steps; a field for the same reason
	trace   func(from, to state)  // tests watch the edges
}

// NewSet makes an empty set.
func NewSet(cfg Config) *Set {
	if cfg.Row == nil {
		cfg.Row = cfg.Service.Row
	}
	s := &Set{
		cfg: cfg, limits: cfg.Limits.withDefaults(), loop: cfg.Loop,
		debug:  cfg.Log.IsLevelEnabled(logrus.DebugLevel),
		conns:  make(map[*Conn]struct{}),
		parked: make(map[*Conn]struct{}),
		out:    make([]byte, 0, 2*firstBytes),
		sent:   (*Conn).logSent,
		run:    (*Conn).run,
	}
	s.context, s.kill = context.WithCancel(context.Background())
	s.notice = s.loop.Timer(s.look)
	return s
}

// Len is how many connections hold anything: those with a job out count until it is back.
func (s *Set) Len() int { return len(s.conns) }

// look resumes what is parked if the change counter has moved.
func (s *Set) look() {
	now := s.cfg.Changes()
	for c := range s.parked {
		if c.front.park.Seen != now {
			c.run()
		}
	}
	if len(s.parked) > 0 {
		s.notice.Set(s.loop.Now().Add(s.limits.Notice))
	}
}

// Drain lets every connection finish the request it is in, then close; idle ones close now. A request that is already
// in an idle connection's socket still gets its answer.
func (s *Set) Drain() {
	s.draining = true
	for c := range s.conns {
		switch c.state {
		case decide, readPrelude, park:
			c.spent = false
			c.run()
		}
	}
}

// Kill closes every connection at once. Those with a job out stay in Len until it is back.
func (s *Set) Kill() {
	s.draining = true
	s.kill()
	for c := range s.conns {
		c.drop()
	}
}

// rescue ends a connection whose step panicked; deferred around every call from the loop.
func (c *Conn) rescue() {
	p := recover()
	if p == nil {
		return
	}
	stack := make([]byte, 8<<10)
	stack = stack[:runtime.Stack(stack, false)]
	c.set.cfg.Slot.Panics.Add(1)
	c.log().WithField("stack", string(stack)).Errorf("BUG: panic: %v", p)
	c.drop()
}
