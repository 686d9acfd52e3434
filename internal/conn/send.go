package conn

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"sluice/internal/handler"
	"sluice/internal/splice"
)

// stepSendBody sends the reply's parts, at most turnBytes of them. The header has promised their length: an error closes
// the connection.
func (c *Conn) stepSendBody() (state, error) {
	r := c.front
	for budget := turnBytes; r.part < len(r.reply.Parts); {
		if budget <= 0 {
			return 0, errWait
		}
		p := &r.reply.Parts[r.part]
		var n int
		var err error
		switch {
		case p.Source == nil && r.done < int64(len(p.Bytes)):
			n, err = c.sendBytes(r, p.Bytes[r.done:], budget)
		case r.pipe != nil && r.pipe.Len() > 0:
			n, err = c.flushPipe(r, p)
		case p.Source != nil && r.done < p.Length:
			if r.done == r.warm && !r.look(p) {
				c.dropBody(r)
				return readAhead, nil
			}
			n, err = c.sendSource(r, p, budget)
		default:
			r.nextPart()
		}
		budget -= n
		r.moved += int64(n)
		r.passed += int64(n)
		if err == errWait && r.pipe != nil && r.pipe.Len() == 0 {
			c.dropBody(r) // who waits holds a pipe only for what is in it
		}
		if err != nil {
			return 0, err
		}
	}
	c.dropBody(r)
	return c.replied(), nil
}

// nextPart is done with the current part.
func (r *request) nextPart() {
	p := &r.reply.Parts[r.part]
	if p.Source != nil {
		p.Source.Release()
		p.Source = nil // it is released once, also if the connection ends now
	}
	r.part++
	r.done, r.warm = 0, 0
}

// follows tells whether more bytes of the reply come after the next n of part p.
func (r *request) follows(p *handler.Part, n int64) bool {
	length := p.Length
	if p.Source == nil {
		length = int64(len(p.Bytes))
	}
	return r.done+n < length || r.part+1 < len(r.reply.Parts)
}

func (c *Conn) sendBytes(r *request, b []byte, budget int) (int, error) {
	p := &r.reply.Parts[r.part]
	b = b[:min(len(b), budget)]
	flags := 0
	if r.follows(p, int64(len(b))) {
		flags = unix.MSG_MORE
	}
	n, err := c.send(b, flags)
	r.done += int64(n)
	return n, err
}

// sendSource moves file bytes towards the socket: into the pipe, or by sendfile where no pipe is to be had, which costs
// a third more and holds nothing.
func (c *Conn) sendSource(r *request, p *handler.Part, budget int) (int, error) {
	most := int(min(p.Length-r.done, r.warm-r.done, int64(budget)))
	if r.pipe == nil {
		pipe, err := c.set.cfg.Pipes.Get()
		switch {
		case err == nil:
			r.pipe = pipe
		case errors.Is(err, splice.ErrNone):
			return c.sendFile(r, p, most)
		default:
			c.log().WithError(err).Warn("get a pipe")
			return c.sendFile(r, p, most)
		}
	}
	n, err := r.pipe.Fill(p.Source.FD(), p.Offset+r.done, most)
	if err != nil {
		return 0, broken(err)
	}
	r.done += int64(n)
	return c.flushPipe(r, p)
}

// flushPipe sends what is in the pipe. done counts it already.
func (c *Conn) flushPipe(r *request, p *handler.Part) (int, error) {
	n, err := r.pipe.Flush(c.fd, -1, r.pipe.Len(), r.follows(p, 0))
	c.set.cfg.Slot.BytesOut.Add(uint64(n))
	if err == splice.ErrAgain || err == nil && r.pipe.Len() > 0 {
		return n, errWait // the socket is full
	}
	return n, err
}

func (c *Conn) sendFile(r *request, p *handler.Part, most int) (int, error) {
	for {
		offset := p.Offset + r.done
		n, err := unix.Sendfile(c.fd, p.Source.FD(), &offset, most)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return 0, errWait
		case err == unix.EIO:
			return 0, broken(err)
		case err != nil:
			return 0, socketError("sendfile", err)
		case n == 0:
			return 0, broken(io.ErrUnexpectedEOF)
		}
		r.done += int64(n)
		c.set.cfg.Slot.BytesOut.Add(uint64(n))
		return n, nil
	}
}

// broken says that a source did not give what the reply's header promised.
func broken(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return ours(fmt.Errorf("read the reply's source: %w", err))
}
