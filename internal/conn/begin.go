package conn

import (
	"fmt"

	"sluice/internal/handler"
	"sluice/internal/proto"
)

// stepBegin asks the handler what is to be done: from memory if it can, else in a job.
func (c *Conn) stepBegin() (state, error) {
	r := c.front
	if r.row.Quick != nil && r.call.Header != nil && !r.out && !r.back {
		if o, ok := r.row.Quick(c.set.cfg.Service, &r.call); ok {
			return c.obey(o)
		}
	}
	o, err := c.off(r, (*request).workBegin)
	if err != nil {
		return 0, err
	}
	return c.obey(o)
}

// obey does what a handler decided.
func (c *Conn) obey(o handler.Outcome) (state, error) {
	if !c.known && c.peer.Known() {
		c.known = true
		c.set.cfg.Known(c.id)
	}
	r := c.front
	switch o := o.(type) {
	case handler.Reply:
		return c.answer(o)
	case handler.Receive:
		return c.receive(o)
	case handler.Park:
		if r.row.Resume == nil {
			return 0, ours(fmt.Errorf("BUG: type %d parks and cannot resume", r.prelude.Type))
		}
		r.park = o
		return park, nil
	case handler.Close:
		c.log().WithField("code", o.Code.String()).Info("closed by the handler")
		return closed, nil
	}
	return 0, ours(fmt.Errorf("BUG: outcome %T of type %d", o, r.prelude.Type))
}

// answer prepares a reply. A body that nobody wanted is read to nothing first if the connection is to live and the body
// is short enough; otherwise the reply goes out at once, and lingering reads what it can.
func (c *Conn) answer(reply handler.Reply) (state, error) {
	r := c.front
	r.reply = reply
	if r.left > dropBody {
		r.reply.Close = true
	}
	if r.left > 0 && !r.reply.Close {
		return discard, nil
	}
	return c.turn(sendReply)
}

// receive prepares for the body.
func (c *Conn) receive(o handler.Receive) (state, error) {
	r := c.front
	r.owed = true
	r.receive = o
	r.bodyAt = c.set.loop.Now()
	switch {
	case o.Discard:
		if r.left > 0 {
			return discard, nil
		}
		return finish, nil
	case o.Into != nil:
		sum := int64(0)
		for _, p := range o.Into {
			sum += p.Length
		}
		if sum != r.left {
			return 0, ours(fmt.Errorf("BUG: pieces of %d bytes for a body of %d", sum, r.left))
		}
		r.slow = r.bodyAt.Before(c.set.slowUntil)
	case r.left > handler.MemoryBody:
		return 0, ours(fmt.Errorf("BUG: a body of %d bytes is to come into memory", r.left))
	default:
		r.call.Body = make([]byte, 0, r.left)
	}
	if r.left == 0 {
		return finish, nil
	}
	return recvBody, nil
}

// workBegin runs off the loop. A large header is parsed here first.
func (r *request) workBegin() handler.Outcome {
	if r.call.Header == nil {
		if err := r.parse(); err != nil {
			return handler.Reply{Err: err}
		}
	}
	if r.call.Context.Err() != nil {
		return handler.Reply{Err: proto.Errorf(proto.Timeout, "the server is too busy: try again")}
	}
	return r.row.Begin(r.conn.set.cfg.Service, &r.call)
}
