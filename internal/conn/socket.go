package conn

import (
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// recv reads into b and counts. errWait: nothing is there; io.EOF: the peer has ended.
func (c *Conn) recv(b []byte) (int, error) {
	for {
		n, err := unix.Read(c.fd, b)
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
			n, err = unix.Write(c.fd, b[sent:])
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

func socketError(doing string, err error) error { return fmt.Errorf("%s: %w", doing, err) }

// setOptions makes a socket answer at once and notice a peer that is gone. One that is no TCP socket (a test's, or one
// end of a bridge) has no such options.
func setOptions(fd int, l Limits) {
	for _, o := range [...]struct{ level, name, value int }{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(l.UserTimeout / time.Millisecond)},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 60},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 4},
	} {
		_ = unix.SetsockoptInt(fd, o.level, o.name, o.value)
	}
}
