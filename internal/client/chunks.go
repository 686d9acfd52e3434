package client

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"sluice/internal/hash"
	"sluice/internal/proto"
)

// upload is one content on its way in chunks.
type upload struct {
	remote *Remote
	key    Key // of upload-open: the same upload is found again
	seal   Key
	id     int64
	size   int64 // -1: not known yet
	values [][32]byte
	whole  bool // all chunks are on the server
	done   *tally
}

// outlived says that an upload found by its key is of no use any more: it was sealed or swept since, or has chunks of a
// file that looked the same and was another.
func (u *upload) outlived(err error) bool {
	switch CodeOf(err) {
	case proto.NotFound, proto.Differs, proto.KeyReused:
		return true
	case proto.HashMismatch:
		return u.whole
	}
	return false
}

// anew begins with another upload.
func (u *upload) anew() {
	u.key, u.seal, u.id, u.whole = newKey(), newKey(), 0, false
	clear(u.values)
}

// pass opens the upload, or finds it again, sends what is not present and seals it.
func (u *upload) pass(ctx context.Context, s fileSource, unchanged func() error) (Hash, error) {
	present, err := u.open(ctx)
	if err != nil {
		return Hash{}, err
	}
	queue := newQueue(int64(len(u.values)))
	group, groupCtx := errgroup.WithContext(ctx)
	for range min(u.remote.senders(), len(u.values)) {
		group.Go(func() error {
			buf := make([]byte, copyPiece)
			for {
				index, tries, ok := queue.next()
				if !ok {
					return nil
				}
				again, err := u.chunk(groupCtx, s, index, tries, present.Get(int(index)), buf)
				if err != nil {
					return err
				}
				if again {
					queue.back(index)
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return Hash{}, err
	}
	u.whole = true
	if err := unchanged(); err != nil {
		return Hash{}, err
	}
	return u.finish(ctx)
}

// senders is how many chunks are in work at once: on each connection one is sent while another is verified, and one more
// is hashed.
func (r *Remote) senders() int { return 2*r.opt.Connections + 1 }

func (u *upload) open(ctx context.Context) (Bitmap, error) {
	got, err := u.remote.do(ctx, newCall(proto.TypeUploadOpen, &proto.UploadOpen{Key: u.key, Size: u.size}))
	if err != nil {
		return nil, err
	}
	answer := got.header.(*proto.UploadOpenReply)
	if u.id != 0 && u.id != answer.Upload {
		return nil, broken("upload-open: the same key opens upload %d, then %d", u.id, answer.Upload)
	}
	u.id = answer.Upload
	return answer.Present, nil
}

// chunk hashes one chunk and sends it, if it is not present. Again: another request has a claim on it; others first.
func (u *upload) chunk(ctx context.Context, s fileSource, index int64, tries int, present bool, buf []byte) (again bool, err error) {
	if tries > 0 {
		if err := sleep(ctx, backoff(tries+1)); err != nil {
			return false, err
		}
	}
	value, err := s.value(index, buf)
	if err != nil {
		return false, err
	}
	if old := u.values[index]; old != ([32]byte{}) && old != value {
		return false, fmt.Errorf("%s: %w", s.f.Name(), ErrChanged)
	}
	u.values[index] = value
	if present {
		u.done.at(index, s.length(index))
		return false, nil
	}
	err = u.send(ctx, index, value, body{file: s.f, offset: index * ChunkSize, length: s.length(index)})
	switch code := CodeOf(err); {
	case code == proto.Busy && tries < u.remote.opt.Retries:
		return true, nil
	case code == proto.HashMismatch && tries < 1:
		// The file changed between hashing and sending, which the next hash shows, or the bytes were hurt on their way.
		return true, nil
	case err != nil:
		return false, err
	}
	u.done.at(index, s.length(index))
	return false, nil
}

func (u *upload) send(ctx context.Context, index int64, value Hash, b body) error {
	q := newCall(proto.TypeUploadChunk, &proto.UploadChunk{Upload: u.id, Index: index, Value: value})
	q.body = b
	q.hasty = true
	_, err := u.remote.do(ctx, q)
	return err
}

// finish seals the upload: its content can be named from then on.
func (u *upload) finish(ctx context.Context) (Hash, error) {
	content := Hash(hash.Root(u.values, u.size))
	q := newCall(proto.TypeUploadSeal, &proto.UploadSeal{Key: u.seal, Upload: u.id, Size: u.size, Hash: content})
	_, err := u.remote.do(ctx, q)
	return content, err
}
