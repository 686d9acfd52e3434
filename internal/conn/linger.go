package conn

import (
	"golang.org/x/sys/unix"

	"sluice/internal/splice"
)

// stepLinger says no more and reads what still comes to nothing, until the peer closes or the limit is over: a plain
// close with bytes unread would reset the connection, and the peer would lose the last reply.
func (c *Conn) stepLinger() (state, error) {
	if !c.shut {
		c.shut = true
		c.began = c.set.loop.Now()
		// An error means that the peer is gone, as the next read tells.
		_ = unix.Shutdown(c.fd, unix.SHUT_WR)
	}
	for budget := turnBytes; budget > 0; {
		n, err := splice.Discard(c.fd, budget)
		if err == splice.ErrAgain {
			return 0, errWait
		}
		if err != nil {
			return closed, nil // its end, or its reset
		}
		budget -= n
	}
	return 0, errWait
}
