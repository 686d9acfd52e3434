package client

import (
	"context"
	"io"

	"golang.org/x/sync/errgroup"

	"sluice/internal/hash"
	"sluice/internal/proto"
)

// UploadReader sends what rd holds to its end, whose length nobody knows yet, and tells hash and size. Up to
// MaxObjectsBody it is one object, above that an upload of open size; a few chunks are in memory at a time.
//
// When ctx ends UploadReader returns at once; the goroutine that reads rd ends when the Read it is in does.
func (r *Remote) UploadReader(ctx context.Context, rd io.Reader, progress func(n int64)) (Hash, int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := newTally(progress)
	source := newStream(ctx, rd, r.opt.Connections+2)
	first, err := source.next(ctx)
	if err == io.EOF {
		content, err := r.putOne(ctx, nil, done)
		return content, 0, err
	}
	if err != nil {
		return Hash{}, 0, err
	}
	second, err := source.next(ctx)
	if err == io.EOF {
		content, err := r.putOne(ctx, first.data, done)
		return content, int64(len(first.data)), err
	}
	if err != nil {
		return Hash{}, 0, err
	}
	u := &upload{remote: r, how: proto.UploadOpen{Size: -1}, seal: NewKey(), size: -1, done: done}
	if err := u.open(ctx); err != nil {
		return Hash{}, 0, err
	}
	var content Hash
	if err = u.drain(ctx, source, first, second); err == nil {
		content, err = u.finish(ctx)
	}
	if err != nil {
		u.abandon(ctx)
		return Hash{}, 0, err
	}
	return content, u.size, nil
}

// abandon gives back what the server keeps of an upload that nobody can go on with: what a stream held is gone. If that does
// not succeed at once, the server does it in some days.
func (u *upload) abandon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	_ = u.remote.UploadCancel(ctx, u.id)
}

// drain hashes and sends one chunk after the other as they are read.
func (u *upload) drain(ctx context.Context, source *stream, chunks ...chunk) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(u.remote.opt.Connections + 1)
	u.size = 0
	for {
		var c chunk
		if len(chunks) > 0 {
			c, chunks = chunks[0], chunks[1:]
		} else {
			var err error
			if c, err = source.next(ctx); err != nil {
				failed := group.Wait()
				if failed == nil && err != io.EOF {
					failed = err
				}
				return failed
			}
		}
		index := int64(len(u.values))
		if index == proto.MaxChunks {
			group.Go(func() error { return usage("more than %d bytes", int64(proto.MaxContent)) })
			return group.Wait()
		}
		value := hash.ChunkValue(c.data, index)
		u.values = append(u.values, value)
		u.size += int64(len(c.data))
		group.Go(func() error {
			defer source.give(c)
			return u.keep(ctx, index, value, c.data)
		})
	}
}

// keep sends a chunk from memory, until no other request has a claim on it.
func (u *upload) keep(ctx context.Context, index int64, value Hash, data []byte) error {
	for tries := 1; ; tries++ {
		err := u.send(ctx, index, value, body{parts: [][]byte{data}, length: int64(len(data))})
		if err == nil {
			u.done.add(int64(len(data)))
			return nil
		}
		if CodeOf(err) != proto.Busy || tries > u.remote.opt.Retries {
			return err
		}
		if err := sleep(ctx, backoff(tries)); err != nil {
			return err
		}
	}
}

// chunk is ChunkSize bytes of a stream, or what is left at its end.
type chunk struct {
	data []byte
	err  error
}

// stream reads chunks ahead into a few buffers.
type stream struct {
	chunks chan chunk
	free   chan []byte // nil: not made yet
}

func newStream(ctx context.Context, rd io.Reader, buffers int) *stream {
	s := &stream{chunks: make(chan chunk, buffers), free: make(chan []byte, buffers)}
	for range buffers {
		s.free <- nil
	}
	go s.read(ctx, rd)
	return s
}

func (s *stream) read(ctx context.Context, rd io.Reader) {
	defer close(s.chunks)
	for {
		var buf []byte
		select {
		case buf = <-s.free:
		case <-ctx.Done():
			return
		}
		if buf == nil {
			buf = make([]byte, ChunkSize)
		}
		n, err := io.ReadFull(rd, buf)
		if n > 0 {
			s.chunks <- chunk{data: buf[:n]} // has room for every buffer
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return
		}
		if err != nil {
			s.chunks <- chunk{err: err}
			return
		}
	}
}

// next is the next chunk; io.EOF: there is none.
func (s *stream) next(ctx context.Context) (chunk, error) {
	select {
	case c, ok := <-s.chunks:
		if !ok {
			return chunk{}, io.EOF
		}
		return c, c.err
	case <-ctx.Done():
		return chunk{}, ctx.Err()
	}
}

func (s *stream) give(c chunk) { s.free <- c.data[:cap(c.data)] }
