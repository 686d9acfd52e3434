package conn

import (
	"fmt"

	"golang.org/x/sys/unix"

	"sluice/internal/handler"
	"sluice/internal/proto"
)

// stepReply sends prelude and header, and with them the body's first bytes if they are in memory: what leaves in two
// segments can cost 40 ms.
func (c *Conn) stepReply() (state, error) {
	if len(c.late) > 0 {
		return 0, errWait
	}
	r := c.front
	if !r.headed {
		out := c.appendHead(c.set.out[:0], r, true)
		for r.part < len(r.reply.Parts) && r.reply.Parts[r.part].Source == nil && len(r.reply.Parts[r.part].Bytes) <= firstBytes-len(out) {
			out = append(out, r.reply.Parts[r.part].Bytes...)
			r.part++
		}
		n, err := c.sendHead(r, out)
		if err == errWait {
			// The rest moves out of the buffer that all connections share.
			r.head = append([]byte(nil), out[n:]...)
		}
		r.headed = true
		if err != nil {
			return 0, err
		}
	} else if n, err := c.sendHead(r, r.head); err != nil {
		r.head = r.head[n:]
		return 0, err
	}
	r.head = nil
	if r.part < len(r.reply.Parts) {
		return sendBody, nil
	}
	return c.replied(), nil
}

func (c *Conn) sendHead(r *request, b []byte) (int, error) {
	n, err := c.send(b, c.more(r))
	r.passed += int64(n)
	r.moved += int64(n)
	return n, err
}

// more is the flag of a send that other bytes of the reply follow.
func (c *Conn) more(r *request) int {
	if r.part < len(r.reply.Parts) {
		return unix.MSG_MORE
	}
	return 0
}

// appendHead appends the reply's prelude and header. last says that no later request has begun: while draining, such a
// reply says goodbye.
func (c *Conn) appendHead(b []byte, r *request, last bool) []byte {
	if r.reply.Err == nil && len(r.reply.Header) > proto.MaxReplyHeader {
		releaseParts(r.reply.Parts)
		r.reply = handler.Reply{Err: internal(), Cause: fmt.Errorf("BUG: a reply header of %d bytes", len(r.reply.Header))}
	}
	p := proto.Prelude{Version: proto.Version, Flags: proto.FlagReply, Type: r.prelude.Type, Number: r.prelude.Number}
	if r.reply.Close || c.set.draining && last {
		p.Flags |= proto.FlagClosing
	}
	if e := r.reply.Err; e != nil {
		p.Flags |= proto.FlagError
		releaseParts(r.reply.Parts)
		r.reply.Parts = nil
		text := e.Append(nil)
		p.HeaderLen = uint32(len(text))
		return append(p.Append(b), text...)
	}
	for _, part := range r.reply.Parts {
		if part.Source == nil {
			p.BodyLen += uint64(len(part.Bytes))
		} else {
			p.BodyLen += uint64(part.Length)
		}
	}
	p.HeaderLen = uint32(len(r.reply.Header))
	return append(p.Append(b), r.reply.Header...)
}

// replied ends the front request, whose reply is out to its last byte.
func (c *Conn) replied() state {
	r := c.front
	c.front = nil
	goodbye := r.reply.Close || c.set.draining
	c.answered(r)
	if goodbye {
		return linger
	}
	c.spent = true
	return readPrelude
}

// answered counts and logs a request, and forgets it.
func (c *Conn) answered(r *request) {
	r.count(c.set.cfg.Slot)
	if c.set.debug || r.reply.Cause != nil {
		c.set.sent(c, r)
	}
	c.set.forget(r)
}
