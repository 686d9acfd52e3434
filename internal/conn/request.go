package conn

import (
	"time"

	"sluice/internal/handler"
	"sluice/internal/proto"
	"sluice/internal/splice"
)

// request is one request on its way. The loop owns it but while out is set, when the job does; then the loop reads
// nothing of it but out and writing.
type request struct {
	conn     *Conn
	prelude  proto.Prelude
	types    *proto.Row
	row      *handler.Row
	call     handler.Call
	started  time.Time // the prelude's first byte
	deadline time.Time // of our own work; the time of the body does not count

	out     bool            // a job is out
	outAt   time.Time       // since when
	back    bool            // it has come back with result
	result  handler.Outcome // until a step takes it
	err     error           // of a flush or a read ahead
	owed    bool            // begin took something: Finish or Abort must be called
	writing bool            // a write-back job uses the current piece's descriptor

	left    int64           // bytes of the body still in the socket
	bodyAt  time.Time       // when the body began
	receive handler.Receive // where it goes
	piece   int             // the current piece
	at      int64           // bytes of it that are in the file
	pushed  int64           // bytes of it whose write-back was started
	slow    bool            // files make the loop wait: flush in jobs
	pipe    *splice.Pipe    // empty between steps while receiving; may hold bytes while sending
	buffer  []byte          // instead of a pipe; of copyBytes
	filled  []byte          // what of buffer is not written yet

	flushTook time.Duration // the last flush in a job

	park   handler.Park
	reason handler.Reason

	reply  handler.Reply
	head   []byte // the reply's prelude and header, as far as unsent; nil before and after
	headed bool   // head was sent, wholly or in part
	part   int    // the current part
	done   int64  // bytes of it that were sent, or are in the pipe
	warm   int64  // bytes of it known to be in memory

	moved      int64 // bytes of bodies and replies, both ways
	rateEnd    time.Time
	rateFrom   int64 // moved when the window began
	in, passed int64 // for the log: bytes read and written
}

// newRequest makes the request of the prelude that was just read.
func (c *Conn) newRequest(p proto.Prelude) *request {
	s := c.set
	var r *request
	if n := len(s.free); n > 0 {
		r, s.free = s.free[n-1], s.free[:n-1]
	} else {
		r = new(request)
	}
	r.conn, r.prelude, r.started = c, p, c.began
	r.call.Peer, r.call.Type = c.peer, p.Type
	r.in = proto.PreludeLen
	return r
}

// forget puts a finished request on the free list.
func (s *Set) forget(r *request) {
	*r = request{}
	if len(s.free) < keptRequests {
		s.free = append(s.free, r)
	}
}

// dropBody gives back what carries the body. A pipe with bytes inside is closed by the pool.
func (c *Conn) dropBody(r *request) {
	if r.pipe != nil {
		c.set.cfg.Pipes.Put(r.pipe)
		r.pipe = nil
	}
	if r.buffer != nil {
		c.set.putBuffer(r.buffer)
		r.buffer, r.filled = nil, nil
	}
}

func (s *Set) getBuffer() []byte {
	if n := len(s.buffers); n > 0 {
		b := s.buffers[n-1]
		s.buffers = s.buffers[:n-1]
		return b
	}
	return make([]byte, copyBytes)
}

func (s *Set) putBuffer(b []byte) {
	if len(s.buffers) < keptBuffers {
		s.buffers = append(s.buffers, b)
	}
}

func releaseParts(parts []handler.Part) {
	for _, p := range parts {
		if p.Source != nil {
			p.Source.Release()
		}
	}
}
