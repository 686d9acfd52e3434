package parent

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// What the two servers of an upgrade say to each other, one packet each.
const (
	sayUp     = "up"     // the successor: all workers are ready, I can take over
	sayYours  = "yours"  // the predecessor: I accept no more, the control socket is yours
	sayFailed = "failed" // the successor: CODE TEXT, I end
	sayStop   = "stop"   // the successor, which is stopped itself: MILLISECONDS, no more; 0: end now
)

// linkMost is the longest packet.
const linkMost = 8 << 10

// link is one end of a SOCK_SEQPACKET pair between two servers. It owns fd.
type link struct {
	fd   int
	hear func() // called by the loop when something is there; it reads until errNothing or the end
}

var errNothing = errors.New("nothing there")

// say sends a packet. The pair holds more than will ever be said, and an end that has gone
// is noticed by who reads.
func (l *link) say(packet string) {
	_ = unix.Sendto(l.fd, []byte(packet[:min(len(packet), linkMost)]), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, nil)
}

// read takes a packet: io.EOF, the other end has gone; errNothing, none is there.
func (l *link) read() (string, error) {
	var b [linkMost]byte
	for {
		n, _, err := unix.Recvfrom(l.fd, b[:], unix.MSG_DONTWAIT)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return "", errNothing
		case err == unix.ECONNRESET, err == nil && n == 0:
			return "", io.EOF
		case err != nil:
			return "", fmt.Errorf("read what the other server says: %w", err)
		default:
			return string(b[:n]), nil
		}
	}
}

func (l *link) close() {
	if l.fd >= 0 {
		unix.Close(l.fd)
		l.fd = -1
	}
}

// links are all that the loop listens to, in a fixed order.
func (s *server) links() []*link {
	var all []*link
	if s.upgrade != nil {
		all = append(all, s.upgrade.link)
	}
	for _, b := range s.before {
		all = append(all, b.link)
	}
	return all
}
