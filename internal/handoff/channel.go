package handoff

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

var (
	// ErrAgain says that no message is there.
	ErrAgain = errors.New("no message")
	// ErrFull says that the other side has not read what it was sent.
	ErrFull = errors.New("the channel is full")
	// ErrLost says that a message came without its descriptor, because this process has no more room for one. The
	// message is good; the connection it speaks of has been closed by the kernel.
	ErrLost = errors.New("the descriptor was lost: too many are open")
)

// Channel is one end. One goroutine at a time sends, one receives.
type Channel struct{ fd int }

// Pair makes the two ends. Both are closed on exec: the child's is passed on by name when the worker is started. The
// caller owns both.
func Pair() (parent, child int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, fmt.Errorf("create a hand-off: %w", err)
	}
	return fds[0], fds[1], nil
}

// New takes ownership of fd, one end of a Pair.
func New(fd int) *Channel { return &Channel{fd: fd} }

// FD is the descriptor to wait for. It stays the channel's.
func (c *Channel) FD() int { return c.fd }

// Close closes this end; the other reads what was sent, then the end of file.
func (c *Channel) Close() error {
	if c.fd < 0 {
		return nil
	}
	fd := c.fd
	c.fd = -1
	return unix.Close(fd)
}

// Send sends m, with a copy of fd if its kind carries one, else fd is -1. The caller keeps fd, and closes it when it has
// no more use for it. ErrFull: nothing was sent, try again when the channel is writable, or another one.
func (c *Channel) Send(m Message, fd int) error {
	if carries, known := m.Kind.carries(); !known || carries != (fd >= 0) {
		return fmt.Errorf("BUG: message of kind %d sent with descriptor %d", m.Kind, fd)
	}
	var b [Length]byte
	m.put(&b)
	var rights []byte
	if fd >= 0 {
		rights = unix.UnixRights(fd)
	}
	for {
		_, err := unix.SendmsgN(c.fd, b[:], rights, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		switch err {
		case nil:
			return nil
		case unix.EINTR:
		case unix.EAGAIN, unix.ENOBUFS, unix.ETOOMANYREFS:
			// ETOOMANYREFS: as many descriptors as one user may have on their way are waiting in such channels.
			return ErrFull
		default:
			return fmt.Errorf("send on the hand-off: %w", err)
		}
	}
}

// Recv receives a message and its descriptor, which is the caller's, closed on exec; -1 where the kind has none. Its
// errors are ErrAgain, io.EOF, ErrLost (the message counts), ErrMalformed, or the system's. An empty packet cannot be
// told from the end: who sends one is given up.
func (c *Channel) Recv() (Message, int, error) {
	var b [Length + 1]byte // one more, to notice a message that is too long
	// Room for exactly one descriptor: CmsgSpace would round it up to two.
	oob := make([]byte, unix.CmsgLen(4))
	n, oobn, flags, err := 0, 0, 0, unix.EINTR
	// ECONNRESET, told once, says that the other end is gone with messages unread. What it sent before is still to come.
	for err == unix.EINTR || err == unix.ECONNRESET {
		n, oobn, flags, err = recvmsg(c.fd, b[:], oob)
	}
	if err == unix.EAGAIN {
		return Message{}, -1, ErrAgain
	}
	if err != 0 {
		return Message{}, -1, fmt.Errorf("receive on the hand-off: %w", err)
	}
	fd, err2 := received(oob[:oobn])
	if err2 != nil {
		return Message{}, -1, err2
	}
	if n == 0 && fd < 0 {
		return Message{}, -1, io.EOF
	}
	m, err2 := parse(b[:n])
	carries, _ := m.Kind.carries()
	switch {
	case err2 != nil:
	case carries && fd < 0 && flags&unix.MSG_CTRUNC != 0:
		return m, -1, ErrLost
	case flags&(unix.MSG_CTRUNC|unix.MSG_TRUNC) != 0:
		err2 = fmt.Errorf("%w: more than was expected", ErrMalformed)
	case carries != (fd >= 0):
		err2 = fmt.Errorf("%w: kind %d, descriptor %t", ErrMalformed, m.Kind, fd >= 0)
	default:
		return m, fd, nil
	}
	if fd >= 0 {
		unix.Close(fd)
	}
	return Message{}, -1, err2
}

// recvmsg is unix.Recvmsg without the sender's address, which costs an allocation.
func recvmsg(fd int, p, oob []byte) (n, oobn, flags int, err unix.Errno) {
	n, oobn, flags, _, e := unix.Recvmsg(fd, p, oob, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if e != nil {
		errno, _ := e.(unix.Errno)
		return 0, 0, 0, errno
	}
	return n, oobn, flags, 0
}

// received picks the one descriptor out of the control bytes, or -1. Whatever else they hold is closed and an error.
func received(oob []byte) (int, error) {
	if len(oob) == 0 {
		return -1, nil
	}
	parts, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return -1, fmt.Errorf("%w: control bytes: %w", ErrMalformed, err)
	}
	var fds []int
	for i := range parts {
		if got, err := unix.ParseUnixRights(&parts[i]); err == nil {
			fds = append(fds, got...)
		}
	}
	if len(fds) == 1 && len(parts) == 1 {
		return fds[0], nil
	}
	for _, fd := range fds {
		unix.Close(fd)
	}
	if len(fds) == 0 && len(parts) == 0 {
		return -1, nil
	}
	return -1, fmt.Errorf("%w: %d descriptors", ErrMalformed, len(fds))
}
