package conn

import (
	"io"

	"golang.org/x/sys/unix"
)

// recv reads into b and counts. errWait: nothing is there; io.EOF: the peer has ended.
func (c *Conn) recv(b []byte) (int, error) {
	for {
		n, err := read(c.fd, b)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return 0, errWait
		case err != nil:
			return 0, socketError("receive", err)
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// send writes b, or as much of it as the socket takes; then the error is errWait.
func (c *Conn) send(b []byte, flags int) (int, error) {
	sent := 0
	for sent < len(b) {
		var n int
		var err error
		if flags == 0 {
			n, err = write(c.fd, b[sent:])
		} else {
			n, err = unix.SendmsgN(c.fd, b[sent:], nil, nil, flags|unix.MSG_NOSIGNAL)
		}
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return sent, errWait
		case err != nil:
			return sent, socketError("send", err)
		}
		sent += n
		c.set.cfg.Slot.BytesOut.Add(uint64(n))
	}
	return sent, nil
}

// lost is an error of the socket. It is a type of its own because most connections end with one, and nobody formats it.
type lost struct {
	doing string
	errno error
}

func (l *lost) Error() string { return l.doing + ": " + l.errno.Error() }
func (l *lost) Unwrap() error { return l.errno }

func socketError(doing string, err error) error { return &lost{doing, err} }
