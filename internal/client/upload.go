package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"sluice/internal/hash"
	"sluice/internal/proto"
)

// UploadOptions say how a file is sent. The zero value will do.
type UploadOptions struct {
	// Progress is told of bytes as the server has them safe, by one goroutine at a time; nil: nobody is.
	Progress func(n int64)
	// HashFirst hashes the whole file before anything is sent, and asks whether the server has it, from whomever. Without,
	// that is done only when a few ranges of the file are those of a content of this account, or when what was sent before
	// was there from others.
	HashFirst bool
	// Begun is told the server's number of an upload that was begun or found; nil: nobody is. It may be called again, when
	// the one that was found turns out to be of another file.
	Begun func(upload int64)
	// Older is the content of which the file is a newer version; what both have in common is not sent. Without (a size of 0), a
	// content that begins or ends like the file is looked for.
	Older Known
}

// Uploaded is what became of a file.
type Uploaded struct {
	Hash    Hash
	Instant bool  // the server had all of it
	Found   int64 // bytes that an interrupted upload, or another device, had brought before
	Sent    int64 // bytes that travelled, those that were sent twice twice
	Copied  int64 // bytes that the server took from what it had
	Zeros   int64 // bytes of holes
}

// Upload sends a file of size bytes, as it is from offset 0 on, and tells its hash. A content above MaxObjectsBody goes in
// chunks over several connections: one is hashed while others are on their way or being verified. What an earlier upload of
// the same file left unfinished, by whichever device of the account, is not sent again.
//
// ErrChanged says that the file was not the same at the end as at the start; nothing can be named by its hash then.
func (r *Remote) Upload(ctx context.Context, f *os.File, size int64, opt UploadOptions) (Uploaded, error) {
	before, err := identify(f)
	if err != nil {
		return Uploaded{}, err
	}
	if before.size != size {
		return Uploaded{}, fmt.Errorf("%s: %w", f.Name(), ErrChanged)
	}
	unchanged := func() error {
		after, err := identify(f)
		if err == nil && after != before {
			err = fmt.Errorf("%s: %w", f.Name(), ErrChanged)
		}
		return err
	}
	s, done := fileSource{f, size}, newTally(opt.Progress)
	if size <= MaxObjectsBody {
		content, err := r.uploadSmall(ctx, s, unchanged, done)
		return Uploaded{Hash: content, Sent: size}, err
	}
	u := newUpload(r, s, unchanged, done, opt)
	err = u.run(ctx)
	return u.result, explain(ctx, err, unchanged)
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

// labelOf is what an upload is called in lists; empty: the file's name cannot be told.
func labelOf(f *os.File) string {
	name := filepath.Base(f.Name())
	if proto.CheckName(name) != nil {
		return ""
	}
	return name
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
			return 0, s.changed(err)
		}
		to.Write(buf[:n])
		at += int64(n)
		left -= int64(n)
	}
	return s.length(index), nil
}

// changed says what it means that a file ended before its size: someone is writing to it.
func (s fileSource) changed(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s: %w", s.f.Name(), ErrChanged)
	}
	return err
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
