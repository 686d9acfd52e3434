package client

import (
	"errors"
	"fmt"

	"sluice/internal/proto"
)

// read is the goroutine of a connection that reads. It ends with the connection, and with it all calls still on it.
func (c *conn) read() {
	c.fail(c.replies())
	c.remote.pool.drop(c)
	c.mu.Lock()
	queue, err := c.queue, c.err
	c.queue = nil
	c.mu.Unlock()
	for _, t := range queue {
		if t.own != nil {
			t.finish(reply{}, t.own)
		} else {
			t.finish(reply{}, err)
		}
	}
}

// replies reads reply after reply and tells why it could not go on.
func (c *conn) replies() error {
	for {
		raw, err := c.in.next(proto.PreludeLen)
		if err != nil {
			return &lostError{fmt.Errorf("before the reply: %w", err)}
		}
		prelude, err := proto.ParsePrelude(raw)
		if err != nil {
			return broken("reply prelude: %v", err)
		}
		t := c.first()
		if t == nil && prelude.Type != 0 {
			return broken("a reply to nothing (type %d, number %d)", prelude.Type, prelude.Number)
		}
		asked := proto.Prelude{Type: proto.TypePing}
		if t != nil {
			asked = t.prelude
		}
		if err := prelude.CheckReply(asked); err != nil {
			return broken("reply prelude: %v", err)
		}
		r := reply{raw: make([]byte, prelude.HeaderLen), length: int64(prelude.BodyLen)}
		if err := c.in.full(r.raw); err != nil {
			return &lostError{fmt.Errorf("inside the reply: %w", err)}
		}
		var failure error
		if prelude.Flags&proto.FlagError != 0 {
			refused, err := readRefusal(prelude.Type, r.raw)
			if err != nil {
				return err
			}
			if prelude.Type == 0 || t.answer != nil {
				return refused // the server's last word; or it refuses who we are, and with it all that follows
			}
			c.stopEarly(t)
			failure = refused
		} else if err := c.take(t, &r); isLocal(err) {
			return c.blame(t, err)
		} else if err != nil {
			return err
		}
		last := c.answered(prelude.Flags&proto.FlagClosing != 0)
		t.finish(r, failure)
		if last {
			return &lostError{errMoved}
		}
	}
}

// take makes of a good reply what its call wants.
func (c *conn) take(t *try, r *reply) (err error) {
	if t.row.MaxReply > 0 || t.answer != nil {
		// Before a byte of the body is taken its length must be what was asked for. A header without a body is read by whoever
		// waits for it, so that several are read side by side.
		if err := t.read(r); err != nil {
			return err
		}
	}
	if t.answer != nil {
		return t.answer(r.header)
	}
	if t.row.MaxReply > 0 {
		r.body, err = c.body(t, r.length)
	}
	return err
}

// first is the try the next reply must answer; nil: none is awaited.
func (c *conn) first() *try {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return nil
	}
	return c.queue[0]
}

func readRefusal(kind proto.Type, header []byte) (*Error, error) {
	e, err := proto.ParseError(header)
	if err != nil {
		return nil, broken("%v error reply: %v", kind, err)
	}
	name := kind.String()
	if kind == 0 {
		name = "connection"
	}
	return &Error{Request: name, Code: e.Code, Message: e.Message, Entry: e.Entry, RetryMs: e.RetryMs}, nil
}

// stopEarly: an error came. If the request's body is still being sent, sending ends here.
func (c *conn) stopEarly(t *try) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !t.sent {
		t.early = true
		c.stopWriting()
	}
}

// answered takes the first try off the queue and notes whether the server is closing; it tells whether that was the last
// reply this connection will bring.
func (c *conn) answered(closing bool) (last bool) {
	c.mu.Lock()
	c.queue[0] = nil
	c.queue = c.queue[1:]
	c.closing = c.closing || closing
	closing = c.closing
	last = closing && len(c.queue) == 0
	c.mu.Unlock()
	if closing {
		c.remote.pool.drop(c)
	}
	return last
}

// body receives a reply's body into its sink.
func (c *conn) body(t *try, length int64) ([]byte, error) {
	var buf []byte
	var err error
	switch {
	case t.sink.drop:
		err = c.in.drop(length)
	case t.sink.file != nil:
		err = c.in.file(t.sink.file, t.sink.offset, length)
	case int64(cap(t.sink.buf)) >= length:
		buf = t.sink.buf[:length]
		err = c.in.full(buf)
	default:
		buf = make([]byte, length)
		err = c.in.full(buf)
	}
	var local *localError
	if err != nil && !errors.As(err, &local) {
		err = &lostError{fmt.Errorf("inside the reply: %w", err)}
	}
	return buf, err
}
