package conn

import (
	"errors"
	"io"

	"sluice/internal/handler"
	"sluice/internal/proto"
)

// refusal is an error that the peer is told, if it still can be.
type refusal struct {
	answer    *proto.Error
	cause     error // what is behind it, for the log
	fatal     bool  // the connection ends after the answer
	violation bool  // the peer broke the rules of the wire: counted, logged with its address
	quiet     bool  // nothing to tell: goodbye
}

func (r *refusal) Error() string {
	switch {
	case r.cause != nil:
		return r.cause.Error()
	case r.answer != nil:
		return r.answer.Error()
	}
	return "goodbye"
}

// violation refuses what breaks the rules of the wire. The connection ends: what follows cannot be trusted to be where
// it seems.
func violation(err error) error {
	return &refusal{answer: asError(err), fatal: true, violation: true}
}

// refuse refuses a header. The connection lives on unless fatal: where the next request begins is known.
func refuse(err error, fatal bool) error {
	return &refusal{answer: asError(err), fatal: fatal, violation: true}
}

// ours is an error that is not the peer's fault.
func ours(err error) error { return &refusal{answer: internal(), cause: err} }

// internal is all that a peer is told of a fault of ours.
func internal() *proto.Error {
	return proto.Errorf(proto.Internal, "internal error: the server's log tells more")
}

func asError(err error) *proto.Error {
	var e *proto.Error
	if errors.As(err, &e) {
		return e
	}
	return proto.Errorf(proto.BadHeader, "%s", err)
}

// failed is where every error of a step ends: it logs once and says where to go. An error that can still be told is told,
// after what begin took is given back; anything else closes.
func (c *Conn) failed(err error) state {
	var f *refusal
	if !errors.As(err, &f) {
		if !errors.Is(err, io.EOF) || c.front != nil {
			c.logFailure(err)
		}
		return closed
	}
	if f.violation {
		c.violated(kindOf(c.state, f), f)
	} else if !f.quiet {
		c.logFailure(f)
	}
	r := c.front
	switch {
	case f == errGoodbye:
		return linger
	case f.quiet, c.state == linger:
		return closed
	case r == nil:
		if c.have == 0 {
			return closed
		}
		// Cut off within a prelude: there is no number to answer.
		c.have = 0
		r = c.newRequest(proto.Prelude{})
		c.front = r
	case r.headed:
		return closed
	}
	if r.out {
		return closed // BUG: a step failed with its job out; the job is waited for
	}
	c.dropBody(r)
	releaseParts(r.reply.Parts)
	r.reply = handler.Reply{Err: f.answer, Close: f.fatal}
	if r.owed {
		return abort
	}
	next, _ := c.answer(r.reply)
	return next
}
