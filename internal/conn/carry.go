package conn

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/handler"
	"sluice/internal/proto"
	"sluice/internal/splice"
)

// recvPieces carries the body into its pieces: through a pipe or, when the budget for pipes is used up, through a
// buffer. Either is empty between two turns, so it is only held during one, or while a job writes what is in it.
func (c *Conn) recvPieces(r *request) (state, error) {
	defer func() {
		if !r.out && r.pipe != nil && r.pipe.Len() == 0 {
			c.dropBody(r)
		}
	}()
	for budget := turnBytes; r.left > 0; {
		if budget <= 0 {
			return 0, errWait
		}
		n, err := c.load(r, int(min(r.left, int64(budget))))
		if err != nil {
			c.dropBody(r)
			return 0, err
		}
		budget -= n
		r.took(n)
		if r.slow {
			return flush, nil
		}
		begun := time.Now()
		if err := r.unload(); err != nil {
			return 0, c.fileError(err)
		}
		if c.set.slowFlush(time.Since(begun)) {
			r.slow = true
			c.set.cfg.Slot.SlowFlushes.Add(1)
		}
		c.pushBack(r)
	}
	c.dropBody(r)
	return finish, nil
}

// load takes at most limit bytes from the socket.
func (c *Conn) load(r *request, limit int) (int, error) {
	if r.pipe == nil && r.buffer == nil {
		pipe, err := c.set.cfg.Pipes.Get()
		if err != nil && !errors.Is(err, splice.ErrNone) {
			c.log().WithError(err).Warn("get a pipe")
		}
		if r.pipe = pipe; err != nil {
			r.pipe, r.buffer = nil, c.set.getBuffer()
		}
	}
	if r.pipe == nil {
		n, err := c.recv(r.buffer[:min(limit, len(r.buffer))])
		r.filled = r.buffer[:max(n, 0)]
		return n, err
	}
	n, err := r.pipe.Fill(c.fd, -1, limit)
	if err != nil {
		return 0, spliceError(err)
	}
	return n, nil
}

// unload writes what was loaded into the pieces, on the loop or in a job.
func (r *request) unload() error {
	for {
		rest := len(r.filled)
		if r.pipe != nil {
			rest = r.pipe.Len()
		}
		if rest == 0 {
			return nil
		}
		p := &r.receive.Into[r.piece]
		if r.at == p.Length {
			r.piece++
			r.at, r.pushed = 0, 0
			continue
		}
		most := int(min(p.Length-r.at, int64(rest)))
		var n int
		var err error
		if r.pipe != nil {
			n, err = r.pipe.Flush(p.FD, p.Offset+r.at, most, false)
		} else {
			n, err = pwrite(p.FD, r.filled[:most], p.Offset+r.at)
			r.filled = r.filled[max(n, 0):]
		}
		if err != nil {
			return fmt.Errorf("write the body: %w", err)
		}
		r.at += int64(n)
	}
}

// stepFlush lets a job write what is loaded, because the file made the loop wait before.
func (c *Conn) stepFlush() (state, error) {
	r := c.front
	if _, err := c.off(r, (*request).workFlush); err != nil {
		return 0, err
	}
	if r.err != nil {
		return 0, c.fileError(r.err)
	}
	c.set.slowFlush(r.flushTook)
	c.pushBack(r)
	c.dropBody(r)
	if r.left > 0 {
		return recvBody, nil
	}
	return finish, nil
}

func (r *request) workFlush() handler.Outcome {
	begun := time.Now()
	r.err = r.unload()
	r.flushTook = time.Since(begun)
	return nil
}

// slowFlush tells whether a flush was slow, and remembers it: what makes one file wait, a journal or a disk that cannot
// follow, makes its neighbours wait too, and a body is often no more than a chunk of a large one.
func (s *Set) slowFlush(took time.Duration) bool {
	if took <= s.limits.SlowFlush {
		return false
	}
	s.slowUntil = s.loop.Now().Add(slowFor)
	return true
}

// pushBack starts the write-back of what has landed in the current piece, in a job of its own, at most one at a time:
// the sync that finish waits for has less to do then. Finish and abort wait for the job, as it uses the descriptor.
func (c *Conn) pushBack(r *request) {
	if r.writing || r.at-r.pushed < writeBack {
		return
	}
	p := r.receive.Into[r.piece]
	from, length := p.Offset+r.pushed, r.at-r.pushed
	r.pushed = r.at
	r.writing = true
	s := c.set
	s.cfg.Slot.Jobs.Add(1)
	s.cfg.Jobs(func() {
		// Only a start: an error shows up again, and counts, in finish's sync.
		_ = unix.SyncFileRange(p.FD, from, length, unix.SYNC_FILE_RANGE_WRITE)
		s.loop.Post(func() { c.pushed(r) })
	})
}

func (c *Conn) pushed(r *request) {
	defer c.rescue()
	c.set.cfg.Slot.Jobs.Add(-1)
	r.writing = false
	switch c.state {
	case closed:
		c.release()
	case finish, abort:
		c.set.run(c)
	}
}

// fileError refuses a body that could not be kept.
func (c *Conn) fileError(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return &refusal{answer: proto.Errorf(proto.NoSpace, "the server's disk is full"), cause: err}
	}
	return ours(err)
}

func pwrite(fd int, b []byte, offset int64) (int, error) {
	for {
		n, err := unix.Pwrite(fd, b, offset)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.ErrNoProgress
		default:
			return n, nil
		}
	}
}
