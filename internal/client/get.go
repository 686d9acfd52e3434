package client

import (
	"context"
	"fmt"
	"io"
	"sync"

	"sluice/internal/hash"
	"sluice/internal/proto"
)

// ahead is how many ranges of a Get are asked for before the first has been written: one is on its way while another is
// written, however slow the writer is. No range waits for the writer on the connection.
const ahead = 2

// Get writes a range of a content to w (length -1: to its end) and tells how many bytes were written. When the whole
// content was asked for, it is verified: one of at most ChunkSize before a byte is written, a larger one before Get
// returns without an error.
func (r *Remote) Get(ctx context.Context, content Hash, offset, length int64, w io.Writer) (int64, error) {
	if offset < 0 {
		return 0, usage("offset %d", offset)
	}
	first, size, err := r.piece(ctx, content, offset, length, -1)
	if err != nil {
		return 0, err
	}
	end := max(size, offset) // of the range
	if length >= 0 && length < end-offset {
		end = offset + length
	}
	whole := offset == 0 && end == size
	if whole && size <= ChunkSize {
		if hash.Sum(first) != content {
			return 0, notOf(content)
		}
		n, err := w.Write(first)
		return int64(n), err
	}
	return r.stream(ctx, content, offset, end, size, whole, first, w)
}

// piece fetches at most ChunkSize bytes of a content, whose size must be as known (-1: not known yet).
func (r *Remote) piece(ctx context.Context, content Hash, offset, length, known int64) (data []byte, size int64, err error) {
	if length < 0 || length > ChunkSize {
		length = ChunkSize
	}
	q := newCall(proto.TypeGet, &proto.Get{Hash: content, Offset: offset, Length: length})
	q.sink.check = func(h proto.Header) error { return sizeOf(content, h, known) }
	got, err := r.do(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	return got.body, got.header.(*proto.GetReply).Size, nil
}

// sizeOf refuses a content whose size is not the one that is known.
func sizeOf(content Hash, h proto.Header, known int64) error {
	if size := h.(*proto.GetReply).Size; known >= 0 && size != known {
		return fmt.Errorf("content %x has %d bytes instead of %d: %w", content[:], size, known, ErrIntegrity)
	}
	return nil
}

func notOf(content Hash) error { return fmt.Errorf("content %x: %w", content[:], ErrIntegrity) }

type piece struct {
	data []byte
	err  error
}

// stream writes a range of which the first piece is there.
func (r *Remote) stream(ctx context.Context, content Hash, offset, end, size int64, whole bool, first []byte, w io.Writer) (int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	pieces := make(chan chan piece, ahead-1)
	done := make(chan struct{})
	defer func() {
		cancel()
		<-done
	}()
	go func() {
		defer close(done)
		defer close(pieces)
		r.order(ctx, content, offset+int64(len(first)), end, size, pieces)
	}()
	var values [][32]byte
	var written int64
	for p, more := (piece{data: first}), true; more; {
		if p.err != nil {
			return written, p.err
		}
		if whole {
			values = append(values, hash.ChunkValue(p.data, int64(len(values))))
		}
		n, err := w.Write(p.data)
		written += int64(n)
		if err != nil {
			return written, err
		}
		var next chan piece
		if next, more = <-pieces; more {
			p = <-next
		}
	}
	switch {
	case ctx.Err() != nil:
		return written, ctx.Err()
	case whole && hash.Root(values, size) != content:
		return written, notOf(content)
	}
	return written, nil
}

// order asks for one piece after the other, and for the next when there is room for it.
func (r *Remote) order(ctx context.Context, content Hash, from, end, size int64, pieces chan<- chan piece) {
	var asked sync.WaitGroup
	defer asked.Wait()
	for at := from; at < end; at += ChunkSize {
		length := min(end-at, ChunkSize)
		one := make(chan piece, 1)
		select {
		case pieces <- one:
		case <-ctx.Done():
			return
		}
		asked.Go(func() {
			data, _, err := r.piece(ctx, content, at, length, size)
			one <- piece{data, err}
		})
	}
}
