package store

import (
	"context"
	"fmt"
	"io"

	"sluice/internal/delta"
)

// Signature gives entries, or with sums the sums, of count blocks of a content from block first on, as far as it has so
// many. The caller bounds what that makes it read. It ends early with ctx.
func (s *Store) Signature(ctx context.Context, w Who, hash [32]byte, block, first, count int64, sums bool) (size int64, answer []byte, err error) {
	if !delta.GoodBlock(block) || first < 0 || count < 0 {
		return 0, nil, fmt.Errorf("%w: %d blocks of %d bytes from block %d on", ErrRange, count, block, first)
	}
	l, err := s.Find(w, hash)
	if err != nil {
		return 0, nil, notSpoiled(err)
	}
	size = l.Size
	count = min(count, delta.Blocks(size, block)-first)
	if count <= 0 {
		return size, nil, nil
	}
	f, err := l.Open()
	if err != nil {
		return 0, nil, err
	}
	defer f.Release()
	s.verifying <- struct{}{}
	defer func() { <-s.verifying }()
	r := &source{ctx, f}
	answer = make([]byte, 0, count*delta.EntrySize)
	if sums {
		pooled := s.windows.Get().(*[]byte)
		defer s.windows.Put(pooled)
		answer, err = delta.AppendSums(answer, r, size, block, first, count, (*pooled)[:chunkWindow])
	} else {
		// The gaps are skipped over, which the kernel does not take for a stream.
		readAhead(f.FD(), f.Base()+first*block, min(count*block, size-first*block))
		answer, err = delta.AppendEntries(answer, r, size, block, first, count)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read a content for its signature: %w", err)
	}
	return size, answer, nil
}

// source is a content as delta reads it.
type source struct {
	ctx context.Context
	f   *File
}

func (r *source) ReadAt(b []byte, at int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if err := r.f.ReadAt(b, at); err != nil {
		return 0, err
	}
	return len(b), nil
}

var _ io.ReaderAt = (*source)(nil)
