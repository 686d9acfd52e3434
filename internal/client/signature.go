package client

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"sluice/internal/delta"
	"sluice/internal/proto"
)

const (
	entriesAtOnce = 4 << 10   // blocks of one signature request: a large content's come over several connections
	sumsAtOnce    = 128 << 20 // bytes of one request for sums, which the server has to read
)

// signature fetches what the blocks of a content look like, whose size must be as known.
func (r *Remote) signature(ctx context.Context, content Hash, size int64) (*delta.Signature, error) {
	block := delta.BlockFor(size)
	count := delta.Blocks(size, block)
	entries := make([]byte, count*delta.EntrySize)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(max(r.opt.Connections, 2))
	for first := int64(0); first < count; first += entriesAtOnce {
		group.Go(func() error {
			part := entries[first*delta.EntrySize : min(first+entriesAtOnce, count)*delta.EntrySize]
			return r.blocks(groupCtx, content, size, &proto.SignatureRequest{Hash: content, Block: block, First: first, Count: entriesAtOnce}, part)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return delta.NewSignature(size, block, entries)
}

// blocks asks for some blocks and puts the answer into b, whose length it must have.
func (r *Remote) blocks(ctx context.Context, content Hash, size int64, ask *proto.SignatureRequest, b []byte) error {
	q := newCall(proto.TypeSignature, ask)
	q.sink.buf = b
	q.sink.check = func(h proto.Header) error {
		if got := h.(*proto.SignatureReply).Size; got != size {
			return fmt.Errorf("content %x has %d bytes instead of %d: %w", content[:], got, size, ErrIntegrity)
		}
		return nil
	}
	got, err := r.do(ctx, q)
	if err == nil && len(got.body) != len(b) {
		err = broken("signature: %d bytes instead of %d", len(got.body), len(b))
	}
	return err
}

// sums are those of whole blocks of a content, fetched as they are asked for, in pieces.
type sums struct {
	remote  *Remote
	content Hash
	size    int64
	block   int64

	mu     sync.Mutex
	pieces map[int64]*sumsPiece
}

// sumsPiece is one answer, or the wait for it.
type sumsPiece struct {
	done chan struct{}
	sums delta.Sums
	err  error
}

func newSums(r *Remote, content Hash, size int64) *sums {
	return &sums{remote: r, content: content, size: size, block: delta.BlockFor(size), pieces: make(map[int64]*sumsPiece)}
}

// of gives the sum of a block. A failure is final.
func (s *sums) of(ctx context.Context) delta.Sum {
	each := max(sumsAtOnce/s.block, 1)
	return func(block int64) (uint64, error) {
		n := block / each
		s.mu.Lock()
		p := s.pieces[n]
		mine := p == nil
		if mine {
			p = &sumsPiece{done: make(chan struct{})}
			s.pieces[n] = p
		}
		s.mu.Unlock()
		if mine {
			count := min(each, delta.Blocks(s.size, s.block)-n*each)
			b := make([]byte, count*delta.EntrySize)
			p.err = s.remote.blocks(ctx, s.content, s.size,
				&proto.SignatureRequest{Hash: s.content, Block: s.block, First: n * each, Count: count, Sums: true}, b)
			p.sums = b
			close(p.done)
		}
		select {
		case <-p.done:
			if p.err != nil {
				return 0, p.err
			}
			return p.sums.Of(block - n*each), nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
