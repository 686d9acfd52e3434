package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"sluice/internal/hash"
	"sluice/internal/proto"
)

// upload is one content on its way in chunks.
type upload struct {
	remote    *Remote
	source    fileSource // of one from a file, like the next two
	unchanged func() error
	opt       UploadOptions
	done      *tally

	how    proto.UploadOpen // how it is opened, but for the key
	seal   Key
	id     int64
	size   int64      // -1: not known yet
	values [][32]byte // zero: not hashed yet; each is touched by one goroutine at a time
	known  known
	whole  bool // all chunks are on the server
	sent   atomic.Int64
	found  atomic.Int64
	copied atomic.Int64
	zeros  atomic.Int64
	result Uploaded

	relative *relative // a content to copy from; nil: none is known
	holes    []span    // of the file, in order
}

func newUpload(r *Remote, s fileSource, unchanged func() error, done *tally, opt UploadOptions) *upload {
	return &upload{remote: r, source: s, unchanged: unchanged, opt: opt, done: done, size: s.size, values: make([][32]byte, proto.Chunks(s.size))}
}

// attempt opens the upload, or finds it again, sends what is not present and seals it.
func (u *upload) attempt(ctx context.Context) error {
	u.whole = false
	if err := u.open(ctx); err != nil {
		return err
	}
	there := u.known.chunks()
	slices.Sort(there)
	u.found.Store(0)
	err := u.each(ctx, there, u.check)
	if err == nil {
		err = u.each(ctx, u.missing(there), u.chunk)
	}
	u.result.Found = u.found.Load()
	u.result.Sent, u.result.Copied, u.result.Zeros = u.sent.Load(), u.copied.Load(), u.zeros.Load()
	if err != nil {
		return err
	}
	u.whole = true
	if err := u.unchanged(); err != nil {
		return err
	}
	u.seal = NewKey()
	u.result.Hash, err = u.finish(ctx)
	return err
}

// missing are the chunks that are not there, in order. Those who fill an upload together begin at different places.
func (u *upload) missing(there []int64) []int64 {
	var all []int64
	for index := range int64(len(u.values)) {
		if _, found := slices.BinarySearch(there, index); !found {
			all = append(all, index)
		}
	}
	if u.known.shared && len(all) > 0 {
		from := rand.IntN(len(all))
		all = slices.Concat(all[from:], all[:from])
	}
	return all
}

// each does something for chunks, as many at once as keep the connections busy. Again: not now, others first. Where somebody
// else is at work on the same upload, it goes on at another place.
func (u *upload) each(ctx context.Context, chunks []int64, do func(ctx context.Context, index int64, tries int, buf []byte) (again bool, err error)) error {
	queue := queueOf(chunks)
	group, ctx := errgroup.WithContext(ctx)
	for range min(u.remote.senders(), len(chunks)) {
		group.Go(func() error {
			buf := make([]byte, u.buffer())
			for {
				index, tries, ok := queue.next()
				if !ok {
					return nil
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				again, err := do(ctx, index, tries, buf)
				if err != nil {
					return err
				}
				if u.known.met() {
					queue.leap()
				}
				if again {
					queue.back(index)
				}
			}
		})
	}
	return group.Wait()
}

// senders is how many chunks are in work at once: on each connection one is sent while another is verified, and one more
// is hashed.
func (r *Remote) senders() int { return 2*r.opt.Connections + 1 }

// hash computes the value of a chunk.
func (u *upload) hash(index int64, buf []byte) (Hash, error) {
	value, err := u.source.value(index, buf)
	if err != nil {
		return Hash{}, err
	}
	return value, u.note(index, value)
}

// note keeps the value of a chunk; one that was hashed before must have the same again.
func (u *upload) note(index int64, value Hash) error {
	if old := u.values[index]; old != ([32]byte{}) && old != value {
		return fmt.Errorf("%s: %w", u.source.f.Name(), ErrChanged)
	}
	u.values[index] = value
	return nil
}

// buffer is how much a chunk is read through.
func (u *upload) buffer() int {
	if u.relative != nil {
		return u.relative.scan.Buffer()
	}
	return copyPiece
}

// check holds a chunk that is present against the file.
func (u *upload) check(_ context.Context, index int64, _ int, buf []byte) (again bool, err error) {
	value := Hash(u.values[index])
	if value == (Hash{}) {
		if value, err = u.hash(index, buf); err != nil {
			return false, err
		}
	}
	if _, alike := u.known.present(index, value); !alike {
		return false, errOther
	}
	u.found.Add(u.source.length(index))
	u.done.at(index, u.source.length(index))
	return false, nil
}

// busyTries is how often a chunk that somebody else is writing is asked for: a minute and a half. A device that lost its power
// while it sent holds its claim for half a minute.
const busyTries = 30

// chunk hashes one chunk and sends it, unless somebody else has brought it meanwhile.
func (u *upload) chunk(ctx context.Context, index int64, tries int, buf []byte) (again bool, err error) {
	if tries > 0 {
		if err := sleep(ctx, backoff(tries+1)); err != nil {
			return false, err
		}
	}
	there := false
	err = u.bring(ctx, index, buf, func(value Hash) (bool, error) {
		if err := u.refresh(ctx); err != nil {
			return false, err
		}
		var alike bool
		if there, alike = u.known.present(index, value); there && !alike {
			return false, errOther
		}
		return !there, nil
	})
	switch code := CodeOf(err); {
	case code == proto.Busy && tries < busyTries && u.remote.opt.Retries > 0:
		u.known.share()
		return true, nil
	case code == proto.HashMismatch && tries < 1:
		// The file changed between hashing and sending, which the next hash shows, or the bytes were hurt on their way.
		return true, nil
	case err != nil:
		return false, err
	}
	if there {
		u.found.Add(u.source.length(index))
	}
	u.done.at(index, u.source.length(index))
	return false, nil
}

func (u *upload) send(ctx context.Context, index int64, value Hash, b body) error {
	return u.carry(ctx, newCall(proto.TypeUploadChunk, &proto.UploadChunk{Upload: u.id, Index: index, Value: value}), b)
}

// carry sends a chunk, however it is made.
func (u *upload) carry(ctx context.Context, q *call, b body) error {
	q.body = b
	q.hasty = true
	u.sent.Add(b.length)
	got, err := u.remote.do(ctx, q)
	if err != nil {
		return err
	}
	if got.header.(*proto.UploadChunkReply).Present {
		u.known.share()
	}
	return nil
}

// finish seals the upload: its content can be named from then on.
func (u *upload) finish(ctx context.Context) (Hash, error) {
	content := Hash(hash.Root(u.values, u.size))
	q := newCall(proto.TypeUploadSeal, &proto.UploadSeal{Key: u.seal, Upload: u.id, Size: u.size, Hash: content})
	_, err := u.remote.do(ctx, q)
	return content, err
}
