package conn

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"sluice/internal/handler"
)

// look tells whether the next aheadBytes of a source are in memory, as far as their first and last byte show. If so they
// may be spliced on the loop; if not a job reads them, since a cold page makes a splice a disk read.
func (r *request) look(p *handler.Part) bool {
	length := min(p.Length-r.done, aheadBytes)
	if !inMemory(p.Source.FD(), p.Offset+r.done) || !inMemory(p.Source.FD(), p.Offset+r.done+length-1) {
		return false
	}
	r.warm = r.done + length
	return true
}

func inMemory(fd int, offset int64) bool {
	var b [1]byte
	n, err := unix.Preadv2(fd, [][]byte{b[:]}, offset, unix.RWF_NOWAIT)
	return n == 1 && err == nil
}

// stepReadAhead has a job bring the next bytes of the current part into memory.
func (c *Conn) stepReadAhead() (state, error) {
	r := c.front
	if _, err := c.off(r, (*request).workReadAhead); err != nil {
		return 0, err
	}
	if r.err != nil {
		return 0, ours(r.err)
	}
	r.warm = r.done + min(r.reply.Parts[r.part].Length-r.done, aheadBytes)
	return sendBody, nil
}

// workReadAhead reads a byte here and there, in order, after it has asked for all: when the last one is there so are the
// others. The bytes after them are asked for too, so that the disk works while these are sent.
func (r *request) workReadAhead() handler.Outcome {
	const stride = 256 << 10
	p := &r.reply.Parts[r.part]
	fd, from := p.Source.FD(), p.Offset+r.done
	length := min(p.Length-r.done, aheadBytes)
	ask := min(p.Length-r.done, 2*aheadBytes)
	// Advice may be refused; the reads below do the work then.
	_ = unix.Fadvise(fd, from, ask, unix.FADV_WILLNEED)
	r.err = nil
	var b [1]byte
	for at := int64(0); r.err == nil; at += stride {
		at = min(at, length-1)
		n, err := unix.Pread(fd, b[:], from+at)
		switch {
		case err == unix.EINTR:
			at -= stride
			continue
		case err == nil && n == 0:
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			r.err = fmt.Errorf("read the reply's source: %w", err)
		}
		if at == length-1 {
			break
		}
	}
	return nil
}
