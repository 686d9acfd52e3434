package client

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"sluice/internal/hash"
	"sluice/internal/proto"
)

// Download writes a content of size bytes into f from offset 0 on. A large one comes in ranges over several connections,
// each hashed, from the file, while others arrive. f holds the content if, and only if, Download returns nil; it is not
// synced. progress (may be nil) is told of bytes by one goroutine at a time.
func (r *Remote) Download(ctx context.Context, content Hash, size int64, f *os.File, progress func(n int64)) error {
	done := newTally(progress)
	if size <= ChunkSize {
		data, _, err := r.piece(ctx, content, 0, size, size)
		if err != nil {
			return err
		}
		if hash.Sum(data) != content {
			return notOf(content)
		}
		if _, err := f.WriteAt(data, 0); err != nil {
			return err
		}
		done.add(size)
		return nil
	}
	if err := reserve(f, size); err != nil {
		return err
	}
	s := fileSource{f, size}
	values := make([][32]byte, proto.Chunks(size))
	queue := newQueue(int64(len(values)))
	group, ctx := errgroup.WithContext(ctx)
	for range min(r.senders(), len(values)) {
		group.Go(func() error {
			buf := make([]byte, copyPiece)
			for {
				index, _, ok := queue.next()
				if !ok {
					return nil
				}
				if err := r.fetch(ctx, content, s, index); err != nil {
					return err
				}
				value, err := s.value(index, buf)
				if err != nil {
					return err
				}
				values[index] = value
				done.add(s.length(index))
			}
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if Hash(hash.Root(values, size)) != content {
		return notOf(content)
	}
	return nil
}

// fetch receives one chunk into its place in the file.
func (r *Remote) fetch(ctx context.Context, content Hash, s fileSource, index int64) error {
	q := newCall(proto.TypeGet, &proto.Get{Hash: content, Offset: index * ChunkSize, Length: s.length(index)})
	q.sink.file = s.f
	q.sink.offset = index * ChunkSize
	q.sink.check = func(h proto.Header) error { return sizeOf(content, h, s.size) }
	_, err := r.do(ctx, q)
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
