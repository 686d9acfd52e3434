package handoff

import (
	"errors"
	"fmt"

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
type Channel struct {
	fd  int
	in  inbox
	out outbox
}

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

// FD is the descriptor to wait for. It stays the channel's. It tells nothing of messages that were fetched already.
func (c *Channel) FD() int { return c.fd }

// Close closes this end, and the descriptors of messages that were fetched and not received; the other end reads what was
// sent, then the end of file.
func (c *Channel) Close() error {
	if c.fd < 0 {
		return nil
	}
	c.in.drop()
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
	c.out.packet(0, fd, m)
	_, err := c.flush(1)
	return err
}

// SendEach sends messages with a descriptor each, a packet each, many in one system call. It returns how many were sent;
// fewer than all only with an error, as of Send.
func (c *Channel) SendEach(all []Message, fds []int) (sent int, err error) {
	for sent < len(all) {
		n := min(len(all)-sent, packetsAtOnce)
		for i, m := range all[sent : sent+n] {
			if carries, _ := m.Kind.carries(); !carries || fds[sent+i] < 0 {
				return sent, fmt.Errorf("BUG: message of kind %d sent with descriptor %d", m.Kind, fds[sent+i])
			}
			c.out.packet(i, fds[sent+i], m)
		}
		n, err := c.flush(n)
		sent += n
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// SendAll sends messages that carry no descriptors, as many in a packet as it may hold: the other end is woken once, and
// the kernel keeps one buffer. It returns how many were sent; fewer than all only with an error, as of Send.
func (c *Channel) SendAll(all []Message) (sent int, err error) {
	for sent < len(all) {
		some := all[sent:min(len(all), sent+packetMost)]
		for _, m := range some {
			if carries, known := m.Kind.carries(); !known || carries {
				return sent, fmt.Errorf("BUG: message of kind %d sent among others", m.Kind)
			}
		}
		c.out.packet(0, -1, some...)
		if _, err := c.flush(1); err != nil {
			return sent, err
		}
		sent += len(some)
	}
	return sent, nil
}

// flush sends the first packets of the outbox, as many as there is room for, but at least one.
func (c *Channel) flush(packets int) (sent int, err error) {
	for {
		n, err := c.out.send(c.fd, packets)
		switch err {
		case 0:
			return n, nil
		case unix.EINTR:
		case unix.EAGAIN, unix.ENOBUFS, unix.ETOOMANYREFS:
			// ETOOMANYREFS: as many descriptors as one user may have on their way are waiting in such channels.
			return 0, ErrFull
		default:
			return 0, fmt.Errorf("send on the hand-off: %w", err)
		}
	}
}

// Fetched tells whether the next Recv has a message without asking the kernel, who does not tell of it any more: who stops
// receiving before ErrAgain stops where this is false.
func (c *Channel) Fetched() bool { return c.in.next < c.in.have }

// More tells, after a Recv, whether another would bring something as far as is known: it saves the call that is answered by
// ErrAgain.
func (c *Channel) More() bool { return c.Fetched() || c.in.more }

// Recv receives a message and its descriptor, which is the caller's, closed on exec; -1 where the kind has none. Its
// errors are ErrAgain, io.EOF, ErrLost (the message counts), ErrMalformed, or the system's. An empty packet cannot be
// told from the end: who sends one is given up.
func (c *Channel) Recv() (Message, int, error) {
	if !c.Fetched() {
		err := unix.EINTR
		// ECONNRESET, told once, says that the other end is gone with messages unread. What it sent before is still to come.
		for err == unix.EINTR || err == unix.ECONNRESET {
			err = c.in.fetch(c.fd)
		}
		if err == unix.EAGAIN {
			return Message{}, -1, ErrAgain
		}
		if err != 0 {
			return Message{}, -1, fmt.Errorf("receive on the hand-off: %w", err)
		}
	}
	return c.in.take()
}
