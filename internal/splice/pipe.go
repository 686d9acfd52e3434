package splice

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// ErrAgain says that the descriptor on the other side of the pipe must be waited for.
var ErrAgain = errors.New("not ready")

// Pipe holds bytes on their way from one descriptor to another. One transfer at a time uses it; it may pass from the
// loop to a job and back, never be used by both.
type Pipe struct {
	pool *Pool
	r, w int
	size int
	n    int // bytes inside
}

// Len is how many bytes are inside.
func (q *Pipe) Len() int { return q.n }

// Size is how many bytes fit at best; segments shorter than a page take a page's room each.
func (q *Pipe) Size() int { return q.size }

// Fill moves at most max bytes from fd into the pipe, which must be empty: from offset off of a file, or from a socket
// with off -1. It returns ErrAgain when the socket has none, and io.EOF at the end. It may move fewer than max, and
// reading a file may block on the disk.
func (q *Pipe) Fill(fd int, off int64, max int) (int, error) {
	if q.n != 0 {
		panic(fmt.Sprintf("BUG: fill of a pipe with %d bytes inside", q.n))
	}
	if max <= 0 {
		panic(fmt.Sprintf("BUG: fill of a pipe with %d bytes", max))
	}
	n, err := move(fd, off, q.w, -1, min(max, q.size), unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
	if err != nil {
		return 0, wrap("splice into a pipe", err)
	}
	if n == 0 {
		return 0, io.EOF
	}
	q.n = n
	return n, nil
}

// Flush moves at most max bytes of those inside to fd: to offset off of a file, or to a socket with off -1. More says
// that other bytes follow at once, so that the kernel may wait to fill a segment. It returns ErrAgain when the socket is
// full. After an error bytes may be left; Put closes the pipe then.
func (q *Pipe) Flush(fd int, off int64, max int, more bool) (int, error) {
	max = min(max, q.n)
	if max <= 0 {
		return 0, nil
	}
	flags := unix.SPLICE_F_MOVE | unix.SPLICE_F_NONBLOCK
	if more {
		flags |= unix.SPLICE_F_MORE
	}
	n, err := move(q.r, -1, fd, off, max, flags)
	if err != nil {
		return 0, wrap("splice out of a pipe", err)
	}
	if n == 0 {
		return 0, fmt.Errorf("splice out of a pipe: %w", io.ErrNoProgress)
	}
	q.n -= n
	return n, nil
}

// Close closes the pipe and drops what is inside. Closing twice does nothing.
func (q *Pipe) Close() {
	if q.r < 0 {
		return
	}
	unix.Close(q.r)
	unix.Close(q.w)
	q.r, q.w, q.n = -1, -1, 0
	q.pool.forget(q)
}

func move(from int, fromOff int64, to int, toOff int64, max, flags int) (int, error) {
	var in, out *int64
	if fromOff >= 0 {
		in = &fromOff
	}
	if toOff >= 0 {
		out = &toOff
	}
	for {
		n, err := unix.Splice(from, in, to, out, max, flags)
		if err != unix.EINTR {
			return int(n), err
		}
	}
}

func wrap(doing string, err error) error {
	if err == unix.EAGAIN {
		return ErrAgain
	}
	return fmt.Errorf("%s: %w", doing, err)
}
