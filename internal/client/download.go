package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"sluice/internal/delta"
	"sluice/internal/hash"
	"sluice/internal/proto"
)

// DownloadOptions say how a content is fetched. The zero value will do.
type DownloadOptions struct {
	// Progress is told of bytes as they are verified, by one goroutine at a time; nil: nobody is.
	Progress func(n int64)
	// Older is a file that an older version of the content is in; what both have in common is not fetched. nil: none. It is only
	// read, from any offset.
	Older *os.File
	// Resume says that f may hold a part of the content, as a Download that did not end well has left it: what lies in f is
	// hashed, not fetched.
	Resume bool
}

// Downloaded is what became of a content.
type Downloaded struct {
	Copied int64 // bytes that were taken from the older file
	Zeros  int64 // bytes of holes
	Found  int64 // bytes that lay in the file already
}

// Download writes a content of size bytes into f from offset 0 on. A large one comes in ranges over several connections,
// each hashed, from the file, while others arrive. f holds the content if, and only if, Download returns nil; it is not
// synced, and what was in it before is lost, but see Resume.
func (r *Remote) Download(ctx context.Context, content Hash, size int64, f *os.File, opt DownloadOptions) (Downloaded, error) {
	done := newTally(opt.Progress)
	if size > ChunkSize {
		d := &download{remote: r, content: content, source: fileSource{f, size}, older: opt.Older, resume: opt.Resume, done: done}
		err := d.run(ctx)
		return d.result, err
	}
	data, _, err := r.piece(ctx, content, 0, size, size)
	if err != nil {
		return Downloaded{}, err
	}
	if hash.Sum(data) != content {
		return Downloaded{}, notOf(content)
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		return Downloaded{}, err
	}
	done.add(size)
	return Downloaded{}, nil
}

// download is a large content on its way.
type download struct {
	remote  *Remote
	content Hash
	source  fileSource
	older   *os.File
	resume  bool
	done    *tally

	holes   []span        // of the content, in order
	there   []int64       // how many bytes of each chunk lie in the file, from its start; nil: none
	matches []delta.Match // what of it lies in the older file, in order
	values  [][32]byte
	result  Downloaded
}

// run fetches what is not at hand. Where that does not make the content, as the older file changed meanwhile, two blocks
// have the same sum, or what lay in the file was something else, all of it is fetched.
func (d *download) run(ctx context.Context) (err error) {
	if d.holes, err = d.remote.holesIn(ctx, d.content, d.source.size); err != nil {
		return err
	}
	if d.older != nil {
		if d.matches, err = d.remote.compare(ctx, d.content, d.source.size, d.older); err != nil {
			return err
		}
	}
	if d.resume {
		if d.there, err = d.lying(); err != nil {
			return err
		}
	}
	whole, err := d.attempt(ctx)
	if err == nil && !whole && (d.matches != nil || d.there != nil) {
		d.matches, d.there = nil, nil
		whole, err = d.attempt(ctx)
	}
	if err == nil && !whole {
		err = notOf(d.content)
	}
	return err
}

// attempt fetches all chunks and tells whether they make the content.
func (d *download) attempt(ctx context.Context) (whole bool, err error) {
	size := d.source.size
	switch {
	case d.there != nil:
		err = d.source.f.Truncate(size)
	case len(d.holes)+len(d.matches) == 0:
		err = reserve(d.source.f, size)
	default:
		if err = d.source.f.Truncate(0); err == nil {
			err = d.source.f.Truncate(size)
		}
	}
	if err != nil {
		return false, err
	}
	d.values = make([][32]byte, proto.Chunks(size))
	var mu sync.Mutex
	d.result = Downloaded{}
	queue := newQueue(int64(len(d.values)))
	group, groupCtx := errgroup.WithContext(ctx)
	for range min(d.remote.senders(), len(d.values)) {
		group.Go(func() error {
			buf := make([]byte, copyPiece)
			for {
				index, tries, ok := queue.next()
				if !ok {
					return nil
				}
				parts, err := d.chunk(groupCtx, index, buf)
				if err != nil {
					return err
				}
				if tries == 0 {
					d.done.at(index, d.source.length(index))
				}
				mu.Lock()
				if d.there != nil {
					d.result.Found += d.there[index]
				}
				d.result.Copied += sum(parts, proto.Copied)
				d.result.Zeros += sum(parts, proto.Zero)
				mu.Unlock()
			}
		})
	}
	if err := group.Wait(); err != nil {
		return false, err
	}
	return Hash(hash.Root(d.values, size)) == d.content, nil
}

// chunk brings one chunk to its place and hashes it: what is fetched first, then all in order.
func (d *download) chunk(ctx context.Context, index int64, buf []byte) ([]part, error) {
	from := index * ChunkSize
	to := from + d.source.length(index)
	lies := from
	if d.there != nil {
		lies += d.there[index]
	}
	parts := partsOf(lies, to, cut(d.matches, lies, to), d.holes, math.MaxInt)
	for _, p := range parts {
		if p.kind == proto.Literal {
			if err := d.fetch(ctx, p.at, p.length); err != nil {
				return nil, err
			}
		}
	}
	chunk := hash.NewChunk(index)
	if err := readBack(d.source.f, from, lies-from, buf, chunk); err != nil {
		return nil, err
	}
	for _, p := range parts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if p.kind == proto.Copied {
			err = copyInto(d.source.f, p.at, d.older, p.from, p.length, buf, chunk)
		} else {
			err = readBack(d.source.f, p.at, p.length, buf, chunk)
		}
		if err != nil {
			return nil, err
		}
	}
	d.values[index] = chunk.Value()
	return parts, nil
}

// unsure is how far before a hole bytes are not trusted: its first block may have been written in part.
const unsure = 1 << 20

// lying tells how much of each chunk lies in the file: up to the first hole that is none of the content's. An interrupted run,
// or a power cut, leaves holes where nothing was written; what else may be wrong shows in the hash of the whole. nil: nothing.
func (d *download) lying() (there []int64, err error) {
	size, err := d.source.f.Seek(0, io.SeekEnd)
	if err != nil || size == 0 { // a new file: what is a hole of the content is not there from before
		return nil, err
	}
	size = min(size, d.source.size)
	holes, err := holesOf(d.source.f, size)
	if err != nil || len(holes) == maxHoles {
		return nil, err
	}
	if size < d.source.size {
		holes = append(holes, span{size, d.source.size})
	}
	for index := range proto.Chunks(d.source.size) {
		from := index * ChunkSize
		to := from + d.source.length(index)
		lies := to
		if hole := uncovered(within(holes, from, to), within(d.holes, from, to)); hole >= 0 {
			lies = max(from, hole-unsure)
		}
		if lies > from && there == nil {
			there = make([]int64, proto.Chunks(d.source.size))
		}
		if there != nil {
			there[index] = lies - from
		}
	}
	return there, nil
}

// uncovered is where the first of some spans begins that does not lie in one of others, -1: all do. Both are in order.
func uncovered(spans, by []span) int64 {
	for _, s := range spans {
		for len(by) > 0 && by[0].to < s.to {
			by = by[1:]
		}
		if len(by) == 0 || by[0].from > s.from {
			return s.from
		}
	}
	return -1
}

// fetch receives a range into its place in the file.
func (d *download) fetch(ctx context.Context, offset, length int64) error {
	q := newCall(proto.TypeGet, &proto.Get{Hash: d.content, Offset: offset, Length: length})
	q.sink.file = d.source.f
	q.sink.offset = offset
	q.sink.check = func(h proto.Header) error { return sizeOf(d.content, h, d.source.size) }
	_, err := d.remote.do(ctx, q)
	return err
}

// reserve takes the room for a file at once: a full disk shows before a byte is sent, and writing costs less (see the
// package comment of splice). A file system that cannot is no failure.
func reserve(f *os.File, size int64) error {
	err := onFile(f, func(fd int) error {
		for {
			if err := unix.Fallocate(fd, 0, 0, size); err != unix.EINTR {
				return err
			}
		}
	})
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reserve %d bytes for %s: %w", size, f.Name(), err)
	}
	return nil
}

// Discard reads a content over all connections and drops it in the kernel, unverified: it measures the way here.
func (r *Remote) Discard(ctx context.Context, content Hash, size int64, progress func(n int64)) error {
	done := newTally(progress)
	share := (size + int64(r.opt.Connections) - 1) / int64(r.opt.Connections)
	group, ctx := errgroup.WithContext(ctx)
	for from := int64(0); from < size; from += share {
		group.Go(func() error {
			length := min(share, size-from)
			q := newCall(proto.TypeGet, &proto.Get{Hash: content, Offset: from, Length: length})
			q.sink.drop = true
			q.sink.check = func(h proto.Header) error { return sizeOf(content, h, size) }
			_, err := r.do(ctx, q)
			done.add(length)
			return err
		})
	}
	return group.Wait()
}
