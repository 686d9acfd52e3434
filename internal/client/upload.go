package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"sluice/internal/hash"
	"sluice/internal/proto"
)

// Upload sends a file of size bytes, as it is from offset 0 on, and tells its hash. A content above MaxObjectsBody goes in
// chunks over several connections: one is hashed while others are on their way or being verified. progress (may be nil)
// is told of bytes as the server has them safe, by one goroutine at a time.
//
// ErrChanged says that the file was not the same at the end as at the start; nothing can be named by its hash then.
func (r *Remote) Upload(ctx context.Context, f *os.File, size int64, progress func(n int64)) (Hash, error) {
	before, err := identify(f)
	if err != nil {
		return Hash{}, err
	}
	if before.size != size {
		return Hash{}, fmt.Errorf("%s: %w", f.Name(), ErrChanged)
	}
	source := fileSource{f, size}
	content, err := r.upload(ctx, source, r.resumeKey(before), func() error {
		after, err := identify(f)
		if err == nil && after != before {
			err = fmt.Errorf("%s: %w", f.Name(), ErrChanged)
		}
		return err
	}, newTally(progress))
	return content, err
}

// identity is what must stay as it was while a file is sent.
type identity struct {
	dev, ino uint64
	size     int64
	mtime    unix.Timespec
	ctime    unix.Timespec
}

func identify(f *os.File) (identity, error) {
	var st unix.Stat_t
	if err := onFile(f, func(fd int) error { return unix.Fstat(fd, &st) }); err != nil {
		return identity{}, fmt.Errorf("look at %s: %w", f.Name(), err)
	}
	return identity{uint64(st.Dev), st.Ino, st.Size, st.Mtim, st.Ctim}, nil
}

// resumeKey is the same for the same file as it is now, by whichever run of this program: upload-open with it answers an
// upload that was begun before, with the chunks that are there.
func (r *Remote) resumeKey(f identity) (key Key) {
	hello := r.Hello()
	sum := hash.Sum(fmt.Appendf(nil, "sluice upload-open 1 %s %q %d %d %d %d %d %d", hello.Server, hello.Account, hello.Device,
		f.dev, f.ino, f.size, f.mtime.Nano(), f.ctime.Nano()))
	copy(key[:], sum[:])
	return key
}

// fileSource is a file whose chunks are read, hashed and sent where they lie.
type fileSource struct {
	f    *os.File
	size int64
}

func (s fileSource) length(index int64) int64 { return min(ChunkSize, s.size-index*ChunkSize) }

// value reads a chunk to hash it. A file that has become shorter has changed.
func (s fileSource) value(index int64, buf []byte) (Hash, error) {
	chunk := hash.NewChunk(index)
	if _, err := s.feed(chunk, index, buf); err != nil {
		return Hash{}, err
	}
	return chunk.Value(), nil
}

func (s fileSource) feed(to io.Writer, index int64, buf []byte) (int64, error) {
	at, left := index*ChunkSize, s.length(index)
	for left > 0 {
		n, err := s.f.ReadAt(buf[:min(left, int64(len(buf)))], at)
		if n == 0 {
			if err == io.EOF {
				err = fmt.Errorf("%s: %w", s.f.Name(), ErrChanged)
			}
			return 0, err
		}
		to.Write(buf[:n])
		at += int64(n)
		left -= int64(n)
	}
	return s.length(index), nil
}

// upload sends a file, and goes on with what was begun under the key; unchanged is asked before its hash is told to the
// server, and after a failure that a change would explain.
func (r *Remote) upload(ctx context.Context, s fileSource, key Key, unchanged func() error, done *tally) (Hash, error) {
	if s.size <= MaxObjectsBody {
		return r.uploadSmall(ctx, s, unchanged, done)
	}
	u := &upload{
		remote: r,
		key:    key,
		seal:   newKey(),
		size:   s.size,
		values: make([][32]byte, proto.Chunks(s.size)),
		done:   done,
	}
	content, err := u.passes(ctx, s, unchanged)
	if err != nil && ctx.Err() == nil && u.outlived(err) && unchanged() == nil {
		var held bool
		if content, held, err = r.sealedBefore(ctx, s); err != nil {
			return Hash{}, explain(ctx, err, unchanged)
		}
		if held {
			for index := range proto.Chunks(s.size) {
				done.at(index, s.length(index))
			}
			return content, unchanged()
		}
		u.anew()
		content, err = u.passes(ctx, s, unchanged)
	}
	if CodeOf(err) == proto.Differs {
		err = fmt.Errorf("%s: %w", s.f.Name(), ErrChanged)
	}
	return content, explain(ctx, err, unchanged)
}

// passes is pass, again while a seal misses chunks: the server has then lost some since it took them, and asking again
// tells which.
func (u *upload) passes(ctx context.Context, s fileSource, unchanged func() error) (content Hash, err error) {
	for range 3 {
		content, err = u.pass(ctx, s, unchanged)
		if CodeOf(err) != proto.NotUploaded {
			break
		}
	}
	return content, err
}

// explain gives the change of the file as the reason of a failure, if there was one.
func explain(ctx context.Context, err error, unchanged func() error) error {
	if err == nil || ctx.Err() != nil || errors.Is(err, ErrChanged) {
		return err
	}
	if changed := unchanged(); changed != nil {
		return changed
	}
	return err
}

// sealedBefore asks whether the content of a file is there whole, as it is when a run was interrupted between the seal
// and the name: to hash is cheaper than to send.
func (r *Remote) sealedBefore(ctx context.Context, s fileSource) (content Hash, held bool, err error) {
	sum, _, err := hash.SumReader(&attended{ctx, io.NewSectionReader(s.f, 0, s.size)})
	if err != nil {
		return Hash{}, false, err
	}
	there, err := r.Have(ctx, []Hash{sum})
	return sum, err == nil && there.Get(0), err
}

// attended is a reader that ends with a context.
type attended struct {
	ctx context.Context
	io.Reader
}

func (a *attended) Read(b []byte) (int, error) {
	if err := a.ctx.Err(); err != nil {
		return 0, err
	}
	return a.Reader.Read(b)
}

func (r *Remote) uploadSmall(ctx context.Context, s fileSource, unchanged func() error, done *tally) (Hash, error) {
	b := make([]byte, s.size)
	if n, err := s.f.ReadAt(b, 0); n < len(b) {
		if err == io.EOF {
			err = fmt.Errorf("%s: %w", s.f.Name(), ErrChanged)
		}
		return Hash{}, err
	}
	if err := unchanged(); err != nil {
		return Hash{}, err
	}
	return r.putOne(ctx, b, done)
}

// putOne sends a content that is in memory.
func (r *Remote) putOne(ctx context.Context, b []byte, done *tally) (Hash, error) {
	content := Sum(b)
	failed, err := r.PutObjects(ctx, []Object{{Hash: content, Size: int64(len(b))}}, [][]byte{b})
	if err != nil {
		return Hash{}, err
	}
	if len(failed) > 0 {
		return Hash{}, NewError("put-objects", failed[0].Code, failed[0].Message)
	}
	done.add(int64(len(b)))
	return content, nil
}
