package client

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"sluice/internal/delta"
	"sluice/internal/hash"
	"sluice/internal/mapped"
	"sluice/internal/proto"
)

// Known is a content of this account.
type Known struct {
	Hash Hash
	Size int64
}

// relative is a content the server has that a file is an older or a younger version of.
type relative struct {
	hash Hash
	scan *delta.Scan
	sums *sums

	// Matches are guessed from the ends of blocks, as that costs both sides little, until the server finds a chunk to be
	// another one than was guessed. Then whole blocks are compared, for more chunks each time.
	careful atomic.Int64 // so many chunks more
	doubts  atomic.Int64 // how many the next wrong guess costs
	gone    atomic.Bool  // the server does not have it any more
}

const (
	doubtsFirst = 4
	doubtsMost  = 64
)

// relate fetches what the blocks of a content look like; nil: the server does not have it.
func (r *Remote) relate(ctx context.Context, k Known, size int64) (*relative, error) {
	s, err := r.signature(ctx, k.Hash, k.Size)
	if CodeOf(err) == proto.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at what the server has: %w", err)
	}
	l := &relative{hash: k.Hash, scan: delta.NewScan(s), sums: newSums(r, k.Hash, k.Size)}
	l.doubts.Store(doubtsFirst)
	if k.Size == size { // overwritten in place, where the ends of a block say little of the rest
		l.careful.Store(doubtsFirst)
	}
	return l, nil
}

// doubt notes that guesses were wrong.
func (l *relative) doubt() {
	n := l.doubts.Load()
	l.doubts.Store(min(2*n, doubtsMost))
	l.careful.Store(n)
}

// plan tells what a chunk is made of, and its value, in one pass over the file.
func (u *upload) plan(ctx context.Context, index int64, careful bool, buf []byte) (value Hash, parts []part, err error) {
	l := u.relative
	from := index * ChunkSize
	to := from + u.source.length(index)
	holes := within(u.holes, from, to)
	if l == nil || l.gone.Load() || len(holes) == 1 && holes[0] == (span{from, to}) {
		value, err = u.hash(index, buf)
		return value, partsOf(from, to, nil, holes, proto.MaxRanges), err
	}
	var all delta.Sum
	if careful {
		all = l.sums.of(ctx)
	}
	var chunk *hash.Chunk
	var matches []delta.Match
	var wrong int
	seen := func(b []byte) { chunk.Write(b) }
	start, end := l.scan.Span(from, to, u.size)
	err = onFile(u.source.f, func(fd int) error {
		return mapped.Range(fd, start, end-start, func(span []byte) (err error) {
			chunk = hash.NewChunk(index)
			matches, wrong, err = l.scan.PartOf(span, from, to, u.size, all, seen)
			return err
		})
	})
	if errors.Is(err, mapped.ErrNone) || errors.Is(err, mapped.ErrFault) {
		chunk = hash.NewChunk(index)
		matches, wrong, err = l.scan.Part(u.source.f, from, to, u.size, all, buf, seen)
	}
	if CodeOf(err) == proto.NotFound { // deleted since its blocks were told, so their sums are not
		l.gone.Store(true)
		return u.plan(ctx, index, false, buf)
	}
	if err != nil {
		return Hash{}, nil, u.source.changed(err)
	}
	if wrong > 0 {
		l.doubt()
	}
	value = chunk.Value()
	return value, partsOf(from, to, matches, holes, proto.MaxRanges), u.note(index, value)
}

// bring hashes a chunk and sends it: as parts of what the server has, where there are any.
func (u *upload) bring(ctx context.Context, index int64, buf []byte, wanted func(Hash) (bool, error)) error {
	careful := u.relative != nil && u.relative.careful.Load() > 0 && u.relative.careful.Add(-1) >= 0
	for {
		value, parts, err := u.plan(ctx, index, careful, buf)
		if err != nil {
			return err
		}
		if yes, err := wanted(value); err != nil || !yes {
			return err
		}
		copied, zeros := sum(parts, proto.Copied), sum(parts, proto.Zero)
		if copied+zeros == 0 {
			return u.send(ctx, index, value, body{file: u.source.f, offset: index * ChunkSize, length: u.source.length(index)})
		}
		err = u.assemble(ctx, index, value, parts)
		switch code := CodeOf(err); {
		case err == nil:
			u.copied.Add(copied)
			u.zeros.Add(zeros)
			return nil
		case copied == 0:
			return err
		case code == proto.HashMismatch && !careful:
			u.relative.doubt()
			careful = true
		case code == proto.HashMismatch, code == proto.NotFound: // deleted meanwhile; or it is the upload that is
			if code == proto.NotFound {
				u.relative.gone.Store(true)
			}
			return u.send(ctx, index, value, body{file: u.source.f, offset: index * ChunkSize, length: u.source.length(index)})
		default:
			return err
		}
	}
}

// assemble has the server put a chunk together.
func (u *upload) assemble(ctx context.Context, index int64, value Hash, parts []part) error {
	h := &proto.UploadAssemble{Upload: u.id, Index: index, Value: value, Ranges: make([]proto.Range, len(parts))}
	b := body{file: u.source.f}
	for i, p := range parts {
		h.Ranges[i] = proto.Range{Kind: p.kind, Length: p.length}
		switch p.kind {
		case proto.Copied:
			h.Ranges[i].Offset = p.from
			if h.From == nil {
				h.From = []Hash{u.relative.hash}
			}
		case proto.Literal:
			b.spans = append(b.spans, span{p.at, p.at + p.length})
			b.length += p.length
		}
	}
	return u.carry(ctx, newCall(proto.TypeAssemble, h), b)
}
