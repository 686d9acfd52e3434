package syncer

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/hash"
	"sluice/internal/proto"
)

// sendLarge sends files above MaxObjectsBody, one after another: each uses all connections. While there are others to send
// it waits to hear whether proofs are worth the while: if so, large files are proven instead.
func (p *sender) sendLarge(ctx context.Context, tasks []task) {
	p.verdict.wait(ctx)
	for _, t := range tasks {
		if ctx.Err() != nil || p.stopped() {
			return
		}
		p.sendOneLarge(ctx, t)
	}
}

// sendOneLarge sends one file. Interrupted, its finished chunks stay on the server for the next run.
func (p *sender) sendOneLarge(ctx context.Context, t task) {
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	if p.Stop != nil {
		go func() {
			select {
			case <-p.Stop:
				cancel()
			case <-work.Done():
			}
		}()
	}
	err := p.tryLarge(work, ctx, t)
	switch {
	case err == nil, work.Err() != nil:
	case isFileError(err):
		p.unreadable(t.Src, err)
	default:
		p.fail(fmt.Errorf("send %s: %w", Terminal(t.Src.Path()), err))
	}
}

// fileError is an error of the local file, which stops nothing else.
type fileError struct{ error }

func (e fileError) Unwrap() error { return e.error }

func isFileError(err error) bool {
	var f fileError
	return errors.As(err, &f)
}

func (p *sender) tryLarge(work, ctx context.Context, t task) error {
	f, err := openRegular(p.at, t.Src.Path())
	if err != nil {
		return fileError{err}
	}
	defer f.Close()
	for try := 0; ; try++ {
		if err := refresh(f, t.Src); err != nil {
			return fileError{err}
		}
		before := *t.Src
		h, instant, err := p.largeContent(work, f, t)
		var after Node
		if err == nil {
			if err := refresh(f, &after); err != nil {
				return fileError{err}
			}
			if after.Size != before.Size || after.Mtime != before.Mtime || after.Ctime != before.Ctime {
				err = client.ErrChanged
			}
		}
		if errors.Is(err, client.ErrChanged) {
			if try == 2 {
				return fileError{errUnsteady}
			}
			continue
		}
		if err != nil {
			return err
		}
		t.Src.Hash, t.Src.Hashed = h, true
		if p.settled(t, h) {
			return nil
		}
		b := &batch{items: []item{{task: t, hash: h, instant: instant}}}
		return p.putNames(ctx, b)
	}
}

// largeContent brings the content to the server, or finds that it is there.
func (p *sender) largeContent(ctx context.Context, f *os.File, t task) (h client.Hash, instant bool, err error) {
	size := t.Src.Size
	if t.check && t.Dst != nil && t.Dst.Hashed && t.Dst.Size == size { // most often it is what stands there
		sum, n, err := hash.SumReader(&contextFile{ctx: ctx, f: f})
		if err != nil {
			return h, false, fileError{err}
		}
		if n != size {
			return h, false, client.ErrChanged
		}
		if h = client.Hash(sum); t.Dst.Hash == h {
			return h, true, nil
		}
	}
	if size <= client.MaxObjectsBody { // it shrank meanwhile
		return h, false, fileError{errUnsteady}
	}
	var told int64
	sent, err := p.Server.Upload(ctx, f, size, client.UploadOptions{
		HashFirst: p.HashFirst,
		Older:     olderOf(t.Dst),
		Begun:     p.Run.Begun,
		Progress: func(n int64) {
			p.progress.DoneBytes.Add(n)
			told += n
		},
	})
	if err != nil || sent.Instant { // what is there already is counted with its name
		p.progress.DoneBytes.Add(-told)
	}
	if err == nil {
		p.saved(sent.Copied, sent.Zeros, sent.Found)
	}
	return sent.Hash, sent.Instant, err
}

// olderOf is the content that stands where a file goes.
func olderOf(n *Node) client.Known {
	if n == nil || n.Kind != proto.KindFile || !n.Hashed {
		return client.Known{}
	}
	return client.Known{Hash: n.Hash, Size: n.Size}
}

// openRegular opens a file for reading; a pipe put in its place does not block.
func openRegular(at *beneath, rel string) (*os.File, error) {
	fd, err := at.open(rel, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), rel), nil
}

// contextFile reads a file from its start and ends with the context.
type contextFile struct {
	ctx context.Context
	f   *os.File
	off int64
}

func (c *contextFile) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.f.ReadAt(b, c.off)
	c.off += int64(n)
	return n, err
}

// refresh takes a file's facts anew.
func refresh(f *os.File, n *Node) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = lookAt(int(fd), n) }); err != nil {
		return err
	}
	return failed
}
