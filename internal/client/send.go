package client

import (
	"context"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/splice"
)

// maxParts is how many buffers one sendmsg takes (IOV_MAX).
const maxParts = 1024

// send writes a sealed call: prelude, header and body. Whatever follows the header leaves with it in one segment.
func (c *conn) send(ctx context.Context, q *call) error {
	out := output{conn: c, ctx: ctx}
	defer out.close()
	if q.body.file == nil {
		parts := make([][]byte, 0, 1+len(q.body.parts))
		parts = append(parts, q.frame)
		for _, part := range q.body.parts {
			if len(part) > 0 { // the kernel stops at nothing, but an empty part would count as a buffer
				parts = append(parts, part)
			}
		}
		return out.parts(parts, false)
	}
	if err := out.parts([][]byte{q.frame}, q.body.length > 0); err != nil {
		return err
	}
	if q.body.spans == nil {
		return out.file(q.body.file, q.body.offset, q.body.length)
	}
	for _, s := range q.body.spans {
		if err := out.file(q.body.file, s.from, s.to-s.from); err != nil {
			return err
		}
	}
	return nil
}

// output is the writing of one request. It is cancelable wherever it waits for the socket.
type output struct {
	conn *conn
	ctx  context.Context
	stop func() bool // of the watch over ctx, which is set up only when the socket is full for the first time
}

// close ends the watch over ctx. One that has begun to end the connection does so now, and not in the middle of the next call.
func (o *output) close() {
	if o.stop != nil && !o.stop() {
		o.conn.fail(&lostError{errGivenUp})
	}
}

// full is called before the socket is waited for.
func (o *output) full() {
	if o.stop == nil && o.ctx.Done() != nil {
		c, ctx := o.conn, o.ctx
		o.stop = context.AfterFunc(ctx, func() { c.fail(&lostError{errGivenUp}) })
	}
}

// step calls move, with the socket's descriptor, until it moves some bytes or fails for good.
func (o *output) step(move func(fd int) (int, error)) (int, error) {
	if err := o.ctx.Err(); err != nil {
		return 0, err
	}
	var n int
	var err error
	waited := o.conn.raw.Write(func(fd uintptr) bool {
		n, err = move(int(fd))
		if err == unix.EAGAIN || err == splice.ErrAgain {
			o.full()
			return false
		}
		return true
	})
	if waited != nil {
		return 0, waited
	}
	if n > 0 {
		o.conn.touch()
		o.conn.remote.up.take(n, o.conn.dead)
	}
	return n, err
}

// parts writes buffers one after another. More says that a body follows at once.
func (o *output) parts(parts [][]byte, more bool) error {
	flags := unix.MSG_NOSIGNAL | unix.MSG_DONTWAIT
	if more {
		flags |= unix.MSG_MORE
	}
	var left int
	for _, part := range parts {
		left += len(part)
	}
	var limited [1][]byte
	for left > 0 {
		now := parts[:min(len(parts), maxParts)]
		if piece := o.conn.remote.up.piece(left); piece < left {
			limited[0] = parts[0][:min(piece, len(parts[0]))]
			now = limited[:]
		}
		n, err := o.step(func(fd int) (int, error) {
			for {
				n, err := unix.SendmsgBuffers(fd, now, nil, nil, flags)
				if err != unix.EINTR {
					return n, err
				}
			}
		})
		if err != nil {
			return os.NewSyscallError("sendmsg", err)
		}
		left -= n
		parts = skip(parts, n)
	}
	return nil
}

// skip leaves out the first n bytes of parts, which belong to the caller of parts alone.
func skip(parts [][]byte, n int) [][]byte {
	for n > 0 {
		if n < len(parts[0]) {
			parts[0] = parts[0][n:]
			return parts
		}
		n -= len(parts[0])
		parts = parts[1:]
	}
	return parts
}

// file sends a range of a file without a copy through this program, or, where that does not pay, with one.
func (o *output) file(f *os.File, offset, length int64) error {
	if length < plainBelow {
		return o.copyFile(f, offset, length)
	}
	pipe, err := o.conn.remote.pipes.Get()
	if err == splice.ErrNone {
		return o.copyFile(f, offset, length)
	}
	if err != nil {
		return &localError{err}
	}
	defer o.conn.remote.pipes.Put(pipe)
	for length > 0 {
		max := o.conn.remote.up.piece(int(min(length, pipeSize)))
		if err := onFile(f, func(fd int) error {
			_, err := pipe.Fill(fd, offset, max)
			return err
		}); err != nil {
			return cutShort(err)
		}
		offset += int64(pipe.Len())
		length -= int64(pipe.Len())
		for pipe.Len() > 0 {
			if _, err := o.step(func(fd int) (int, error) {
				return pipe.Flush(fd, -1, pipe.Len(), length > 0)
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *output) copyFile(f *os.File, offset, length int64) error {
	buf := make([]byte, min(length, copyPiece))
	for length > 0 {
		n, err := f.ReadAt(buf[:min(length, int64(len(buf)))], offset)
		if n == 0 {
			return cutShort(err)
		}
		if err := o.parts([][]byte{buf[:n]}, int64(n) < length); err != nil {
			return err
		}
		offset += int64(n)
		length -= int64(n)
	}
	return nil
}

// cutShort says what a file that ends before its size means: someone is writing to it.
func cutShort(err error) error {
	if err == io.EOF {
		err = ErrChanged
	}
	return &localError{err}
}

// onFile lends a file's descriptor to use, which cannot be closed meanwhile. (File.Fd would put it into blocking mode.)
func onFile(f *os.File, use func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = use(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// stopWriting makes a write that waits, and every later one, end at once.
func (c *conn) stopWriting() { c.tcp.SetWriteDeadline(time.Unix(1, 0)) }
