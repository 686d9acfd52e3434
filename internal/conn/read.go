package conn

import (
	"io"

	"sluice/internal/proto"
	"sluice/internal/stats"
)

// stepDecide reads what there is of a prelude and looks at the first byte. What is not ours will go to secure (0x16) and web
// (A-Z) when they are built: they take over the descriptor with the bytes that were read. Until then it is closed and
// counted. Looking without taking would cost every connection one more call.
func (c *Conn) stepDecide() (state, error) {
	n, err := c.recv(c.pre[:])
	switch {
	case err == errWait && c.set.draining, err == io.EOF:
		return closed, nil
	case err != nil:
		return 0, err
	case c.pre[0] != proto.Magic[0]:
		c.violated(spoken(c.pre[0]), nil)
		return closed, nil
	}
	c.began = c.set.loop.Now()
	c.have = uint8(n)
	return readPrelude, nil
}

// spoken names what a first byte belongs to.
func spoken(b byte) stats.Kind {
	switch {
	case b == 0x16:
		return stats.TLS
	case b >= 'A' && b <= 'Z':
		return stats.HTTP
	case b == 0x0D:
		return stats.Proxy
	}
	return stats.Junk
}

// stepPrelude reads exactly the fixed part of a request and checks it against its type, before any JSON is looked at.
func (c *Conn) stepPrelude() (state, error) {
	if c.spent {
		c.spent = false
		return 0, errWait
	}
	if c.have < proto.PreludeLen { // else all of it came first of all
		n, err := c.recv(c.pre[c.have:])
		switch {
		case err == errWait && c.have == 0 && c.set.draining && c.behind == nil && len(c.late) == 0:
			return closed, nil // nothing in flight
		case err == io.EOF && c.have == 0:
			return closed, nil // a peer that half-closes while a request is behind gives its reply up
		case err != nil:
			return 0, err
		}
		if c.have == 0 {
			c.began = c.set.loop.Now()
		}
		if c.have += uint8(n); c.have < proto.PreludeLen {
			return 0, errWait
		}
	}
	c.have = 0
	p, err := proto.ParsePrelude(c.pre[:])
	c.front = c.newRequest(p)
	if err != nil {
		return 0, violation(err)
	}
	return c.admit(c.front)
}

// admit holds a prelude against the row of its type.
func (c *Conn) admit(r *request) (state, error) {
	p := r.prelude
	row, err := p.CheckRequest()
	r.types = row
	if err != nil {
		return 0, violation(err)
	}
	if !c.peer.Known() {
		if !row.Open {
			return 0, violation(proto.Errorf(proto.NotLoggedIn, "log in first"))
		}
		if p.HeaderLen > proto.MaxHeaderBefore {
			return 0, violation(proto.Errorf(proto.TooLarge, "header of %d bytes, at most %d before log-in", p.HeaderLen, proto.MaxHeaderBefore))
		}
	}
	r.row = c.set.cfg.Row(p.Type)
	if r.row == nil {
		return 0, violation(proto.Errorf(proto.Unsupported, "request type %d is not served", p.Type))
	}
	r.left = int64(p.BodyLen)
	r.call.BodyLen = r.left
	r.deadline = r.started.Add(r.types.Deadline)
	return readHeader, nil
}

// stepHeader reads exactly the header and, unless it is a large one, parses it.
func (c *Conn) stepHeader() (state, error) {
	r := c.front
	length := int(r.prelude.HeaderLen)
	for len(r.call.Raw) < length {
		r.call.Raw = room(r.call.Raw, length)
		n, err := c.recv(r.call.Raw[len(r.call.Raw):cap(r.call.Raw)])
		if err != nil {
			return 0, err
		}
		r.call.Raw = r.call.Raw[:len(r.call.Raw)+n]
		r.in += int64(n)
	}
	if length <= proto.MaxHeader {
		if err := r.parse(); err != nil {
			return 0, refuse(err, !c.peer.Known())
		}
	}
	return c.turn(begin)
}

// parse makes the typed header and holds the body's length against it. Headers above proto.MaxHeader are parsed in the
// begin job.
func (r *request) parse() *proto.Error {
	h, err := r.types.Parse(r.call.Raw)
	if err != nil {
		return asError(err)
	}
	if e := r.types.Body(h, r.prelude.BodyLen); e != nil {
		return e
	}
	r.call.Header = h
	return nil
}

// room makes sure that raw can take more bytes, never more than length in all. It grows as they come.
func room(raw []byte, length int) []byte {
	if len(raw) < cap(raw) {
		return raw
	}
	grown := make([]byte, len(raw), min(length, max(headerStep, 2*len(raw))))
	copy(grown, raw)
	return grown
}
