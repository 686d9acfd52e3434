package conn

import (
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/handler"
	"sluice/internal/poll"
	"sluice/internal/proto"
)

// Conn is one connection. An idle one holds this and its timer, no buffers.
type Conn struct {
	set   *Set
	fd    int    // ours; closed by release
	id    uint64 // the parent's number
	token poll.Token
	timer *poll.Timer
	peer  *handler.Peer

	state   state
	have    uint8 // bytes of pre that are in
	hung    bool  // the peer will send no more, as an event said
	known   bool  // has logged in, and the parent was told
	spent   bool  // a request was just answered: wait to be told of the next, do not ask
	shut    bool  // our side is shut down
	removed bool  // out of the loop, about to be released
	then    state // where waitTurn leads

	began  time.Time // when pre's first byte came, or the linger began
	pre    [proto.PreludeLen]byte
	fault  error    // a limit that passed, for the next step
	front  *request // the one being read or answered; nil between requests
	behind *request // its body is in and its finish is out, while the next is read
	late   []byte   // replies of behind requests that are not sent yet
}

// Take takes ownership of fd, a non-blocking stream socket, and serves it. id is the parent's number for it. What makes
// it answer at once and notice a host that is gone (no delay, keepalive, the limit for unacknowledged data) was set on its
// listener, and is inherited.
func (s *Set) Take(fd int, id uint64, address string) {
	c := &Conn{set: s, fd: fd, id: id, peer: handler.NewPeer(address), began: s.loop.Now()}
	token, err := s.loop.Add(fd, poll.Read, c.ready)
	if err != nil {
		unix.Close(fd)
		c.log().WithError(err).Warn("take a connection")
		s.cfg.Gone(id)
		return
	}
	c.token = token
	c.timer = s.loop.Timer(c.due)
	s.conns[c] = struct{}{}
	s.cfg.Slot.Connections.Add(1)
	s.cfg.Slot.Accepted.Add(1)
	c.run() // the first request is often there already
}

// ready is called by the loop when the socket is.
func (c *Conn) ready(what poll.Ready) {
	if what&(poll.HungUp|poll.Failed) != 0 {
		c.hung = true
	}
	if what&poll.Failed != 0 && c.idle() {
		// What may still be there to read could not be answered, and the socket need not be asked why.
		if c.set.debug {
			c.log().Debug("connection reset")
		}
		c.drop()
		return
	}
	c.run()
}

// idle tells whether nothing of a request is here.
func (c *Conn) idle() bool {
	return c.state <= readPrelude && c.have == 0 && c.behind == nil && len(c.late) == 0
}

// run takes steps on behalf of the loop.
func (c *Conn) run() {
	defer c.rescue()
	c.advance()
}

// drop ends the connection from outside its steps.
func (c *Conn) drop() {
	c.state = closed
	c.release()
}

// release gives back what the connection holds, or as much as can be while jobs are out; the last of them comes here
// again.
func (c *Conn) release() {
	first := !c.removed
	if first {
		c.removed = true
		c.timer.Stop()
		c.unpark()
	}
	disposed := c.dispose(c.front) && c.dispose(c.behind) && c.fd >= 0
	if first {
		if disposed {
			c.set.loop.Forget(c.token)
		} else {
			c.set.loop.Remove(c.token)
		}
	}
	if !disposed {
		return
	}
	c.front, c.behind = nil, nil
	closeSocket(c.fd)
	c.fd = -1
	delete(c.set.conns, c)
	c.set.cfg.Slot.Connections.Add(-1)
	c.set.cfg.Gone(c.id)
}

// dispose gives back what an unfinished request holds; false: a job has to come back first.
func (c *Conn) dispose(r *request) bool {
	if r == nil {
		return true
	}
	if r.out || r.writing {
		return false
	}
	switch o := r.result.(type) {
	case handler.Reply:
		releaseParts(o.Parts)
	case handler.Receive:
		r.owed = true
	}
	r.result = nil
	c.set.cfg.Slot.BytesIn.Add(uint64(r.in))
	r.in = 0
	c.dropBody(r)
	releaseParts(r.reply.Parts)
	r.reply.Parts = nil
	if r.owed {
		r.owed = false
		if r.row.Abort != nil {
			c.launch(r, (*request).workAbort)
			return false
		}
	}
	return true
}
