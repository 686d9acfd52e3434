package client

import (
	"io"
	"os"

	"sluice/internal/splice"
)

// input reads from the socket through a small buffer, so that a short reply costs one call; long bodies pass it by.
type input struct {
	conn *conn
	buf  [32 << 10]byte
	r, w int
}

func (in *input) read(b []byte) (int, error) {
	down := &in.conn.remote.down
	n, err := in.conn.tcp.Read(b[:down.piece(len(b))])
	if n > 0 {
		in.conn.touch()
		down.take(n, in.conn.dead)
	}
	return n, err
}

// next is the next n bytes, good until the next call; n is at most the buffer's length. io.EOF: the end before a byte.
func (in *input) next(n int) ([]byte, error) {
	if in.r > 0 && in.w-in.r < n {
		in.w = copy(in.buf[:], in.buf[in.r:in.w])
		in.r = 0
	}
	for in.w-in.r < n {
		k, err := in.read(in.buf[in.w:])
		in.w += k
		if k == 0 && err != nil {
			if err == io.EOF && in.w > in.r {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	b := in.buf[in.r : in.r+n]
	in.r += n
	return b, nil
}

// taken moves what the buffer holds of the next max bytes into use.
func (in *input) taken(max int64) []byte {
	n := int(min(int64(in.w-in.r), max))
	b := in.buf[in.r : in.r+n]
	in.r += n
	return b
}

// full reads exactly len(b) bytes.
func (in *input) full(b []byte) error {
	b = b[copy(b, in.taken(int64(len(b)))):]
	for len(b) > 0 {
		n, err := in.some(b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// some reads at least a byte, past the buffer if b is as large, else through it: what follows a small body is often there.
func (in *input) some(b []byte) (int, error) {
	if len(b) >= len(in.buf) {
		n, err := in.read(b)
		if n > 0 {
			return n, nil
		}
		return 0, midway(err)
	}
	n, err := in.read(in.buf[:])
	if n == 0 {
		return 0, midway(err)
	}
	in.r, in.w = 0, n
	return copy(b, in.taken(int64(len(b)))), nil
}

func midway(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// drop reads n bytes to nothing, in the kernel.
func (in *input) drop(n int64) error {
	n -= int64(len(in.taken(n)))
	for n > 0 {
		k, err := in.step(n, func(fd, max int) (int, error) { return splice.Discard(fd, max) })
		if err != nil {
			return err
		}
		n -= int64(k)
	}
	return nil
}

// step calls move with the socket's descriptor until it moves some bytes, at most n, or fails for good.
func (in *input) step(n int64, move func(fd, max int) (int, error)) (int, error) {
	c := in.conn
	max := c.remote.down.piece(int(min(n, pipeSize)))
	var k int
	var err error
	waited := c.raw.Read(func(fd uintptr) bool {
		k, err = move(int(fd), max)
		return err != splice.ErrAgain
	})
	if waited != nil {
		return 0, waited
	}
	if err != nil {
		return 0, midway(err)
	}
	c.touch()
	c.remote.down.take(k, c.dead)
	return k, nil
}

// file receives n bytes into f, without a copy through this program where that pays.
func (in *input) file(f *os.File, offset, n int64) error {
	first := in.taken(n)
	if _, err := f.WriteAt(first, offset); err != nil {
		return &localError{err}
	}
	offset += int64(len(first))
	n -= int64(len(first))
	if n < plainBelow {
		return in.copyFile(f, offset, n)
	}
	pipe, err := in.conn.remote.pipes.Get()
	if err == splice.ErrNone {
		return in.copyFile(f, offset, n)
	}
	if err != nil {
		return &localError{err}
	}
	defer in.conn.remote.pipes.Put(pipe)
	return onFile(f, func(file int) error {
		for n > 0 {
			k, err := in.step(n, func(fd, max int) (int, error) { return pipe.Fill(fd, -1, max) })
			if err != nil {
				return err
			}
			n -= int64(k)
			for pipe.Len() > 0 {
				k, err := pipe.Flush(file, offset, pipe.Len(), false)
				if err != nil {
					return &localError{err}
				}
				offset += int64(k)
			}
		}
		return nil
	})
}

func (in *input) copyFile(f *os.File, offset, n int64) error {
	buf := make([]byte, min(n, copyPiece))
	for n > 0 {
		part := buf[:min(n, int64(len(buf)))]
		if err := in.full(part); err != nil {
			return err
		}
		if _, err := f.WriteAt(part, offset); err != nil {
			return &localError{err}
		}
		offset += int64(len(part))
		n -= int64(len(part))
	}
	return nil
}
