package syncer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"sluice/internal/client"
	"sluice/internal/hash"
)

// Uploader is a Server that takes a stream of unknown length, too.
type Uploader interface {
	Server
	UploadReader(ctx context.Context, r io.Reader, progress func(n int64)) (client.Hash, int64, error)
}

// Content is a content that the server holds now.
type Content struct {
	Hash    client.Hash
	Size    int64
	Mode    uint32
	Mtime   int64
	Instant bool  // it was there already
	Copied  int64 // bytes that the server took from what it had
	Zeros   int64 // bytes of holes
	Resumed int64 // bytes that an interrupted run, or another device, had brought before
}

// PutOptions say how a single file is sent.
type PutOptions struct {
	Older     client.Known // the content that has the name now, if any
	HashFirst bool         // see PushOptions
	Progress  *Progress
	Run       *Run // may be nil
}

// PutFile brings the content of an open file to the server; what it was read from did not change meanwhile. The name
// is the caller's to commit.
func PutFile(ctx context.Context, s Server, f *os.File, o PutOptions) (Content, error) {
	p := o.Progress
	for range 3 {
		before, err := factsOf(f)
		if err != nil {
			return Content{}, err
		}
		c := Content{Size: before.Size, Mode: before.Mode, Mtime: before.Mtime}
		p.Found.Store(1)
		p.FoundBytes.Store(c.Size)
		p.Planned.Store(true)
		p.DoneBytes.Store(0)
		if c.Size > client.MaxObjectsBody {
			var sent client.Uploaded
			sent, err = s.Upload(ctx, f, c.Size, client.UploadOptions{
				HashFirst: o.HashFirst, Older: o.Older, Begun: o.Run.Begun, Progress: func(n int64) { p.DoneBytes.Add(n) },
			})
			c.Hash, c.Instant, c.Copied, c.Zeros, c.Resumed = sent.Hash, sent.Instant, sent.Copied, sent.Zeros, sent.Found
			if errors.Is(err, client.ErrChanged) {
				continue
			}
		} else {
			var b []byte
			b, err = io.ReadAll(io.NewSectionReader(f, 0, c.Size))
			if err == nil && int64(len(b)) != c.Size {
				continue
			}
			if err == nil {
				c.Hash, c.Instant, err = putBytes(ctx, s, b)
				p.DoneBytes.Add(c.Size)
			}
		}
		if err != nil {
			return Content{}, err
		}
		after, err := factsOf(f)
		if err != nil {
			return Content{}, err
		}
		if after.Size == before.Size && after.Mtime == before.Mtime && after.Ctime == before.Ctime {
			p.Done.Store(1)
			return c, nil
		}
	}
	return Content{}, errUnsteady
}

// PutReader brings what r holds to the server, however long it is.
func PutReader(ctx context.Context, s Uploader, r io.Reader, p *Progress) (Content, error) {
	start, err := io.ReadAll(io.LimitReader(r, client.MaxObjectsBody+1))
	if err != nil {
		return Content{}, fmt.Errorf("read: %w", err)
	}
	p.Found.Store(1)
	if len(start) <= client.MaxObjectsBody {
		h, instant, err := putBytes(ctx, s, start)
		p.DoneBytes.Add(int64(len(start)))
		return Content{Hash: h, Size: int64(len(start)), Instant: instant}, err
	}
	h, size, err := s.UploadReader(ctx, io.MultiReader(bytes.NewReader(start), r), func(n int64) { p.DoneBytes.Add(n) })
	return Content{Hash: h, Size: size}, err
}

// putBytes brings a small content to the server, unless it is there.
func putBytes(ctx context.Context, s Server, b []byte) (h client.Hash, instant bool, err error) {
	h = hash.Sum(b)
	objects := []client.Object{{Hash: h, Size: int64(len(b))}}
	held, err := s.Spare(ctx, objects, func(int) io.ReaderAt { return bytes.NewReader(b) }, client.Sparing{})
	if err != nil || held.Get(0) {
		return h, err == nil, err
	}
	failed, err := s.PutObjects(ctx, objects, [][]byte{b})
	if err == nil && len(failed) > 0 {
		err = client.NewError("send", failed[0].Code, failed[0].Message)
	}
	return h, false, err
}

// factsOf takes the facts of an open regular file.
func factsOf(f *os.File) (*Node, error) {
	n := new(Node)
	return n, refresh(f, n)
}
