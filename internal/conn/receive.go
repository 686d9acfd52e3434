package conn

import (
	"io"

	"sluice/internal/splice"
)

// stepRecvBody moves what has come of the body to where the handler wants it, at most turnBytes of it.
func (c *Conn) stepRecvBody() (state, error) {
	r := c.front
	if r.receive.Into == nil {
		return c.recvMemory(r)
	}
	return c.recvPieces(r)
}

func (c *Conn) recvMemory(r *request) (state, error) {
	for r.left > 0 {
		body := r.call.Body
		n, err := c.recv(body[len(body):cap(body)])
		if err != nil {
			return 0, err
		}
		r.call.Body = body[:len(body)+n]
		r.took(n)
	}
	return finish, nil
}

// took notes that n bytes of the body have left the socket.
func (r *request) took(n int) {
	r.left -= int64(n)
	r.moved += int64(n)
	r.in += int64(n)
}

// stepDiscard reads the body to nothing: the handler has no use for it, or the request was refused.
func (c *Conn) stepDiscard() (state, error) {
	r := c.front
	for budget := turnBytes; r.left > 0; {
		if budget <= 0 {
			return 0, errWait
		}
		n, err := splice.Discard(c.fd, int(min(r.left, int64(budget))))
		if err != nil {
			return 0, spliceError(err)
		}
		budget -= n
		r.took(n)
	}
	if r.owed {
		return finish, nil
	}
	return c.turn(sendReply)
}

// spliceError makes the socket's side of a splice an answer of a step.
func spliceError(err error) error {
	switch err {
	case splice.ErrAgain:
		return errWait
	case io.EOF:
		return io.ErrUnexpectedEOF
	}
	return err
}
