package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sync/errgroup"
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
	content, err := r.upload(ctx, source, func() error {
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
}

func identify(f *os.File) (identity, error) {
	var st unix.Stat_t
	if err := onFile(f, func(fd int) error { return unix.Fstat(fd, &st) }); err != nil {
		return identity{}, fmt.Errorf("look at %s: %w", f.Name(), err)
	}
	return identity{uint64(st.Dev), st.Ino, st.Size, st.Mtim}, nil
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

// upload sends a file; unchanged is asked before its hash is told to the server, and after a failure that a change would
// explain.
func (r *Remote) upload(ctx context.Context, s fileSource, unchanged func() error, done *tally) (Hash, error) {
	if s.size <= MaxObjectsBody {
		return r.uploadSmall(ctx, s, unchanged, done)
	}
	u := &upload{
		remote: r,
		key:    newKey(),
		seal:   newKey(),
		size:   s.size,
		values: make([][32]byte, proto.Chunks(s.size)),
		done:   done,
	}
	for repeat := 0; ; repeat++ {
		content, err := u.pass(ctx, s, unchanged)
		// A seal that misses chunks says that the server has lost some since it took them; asking again tells which.
		if CodeOf(err) == proto.NotUploaded && repeat < 2 {
			continue
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrChanged) {
			if changed := unchanged(); changed != nil {
				err = changed
			}
		}
		return content, err
	}
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

// upload is one content on its way in chunks.
type upload struct {
	remote *Remote
	key    Key // of upload-open: the same upload is found again
	seal   Key
	id     int64
	size   int64 // -1: not known yet
	values [][32]byte
	done   *tally
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
	case code == proto.Differs:
		return false, fmt.Errorf("%s: %w", s.f.Name(), ErrChanged)
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

// queue hands out chunks; one that is busy goes to the end.
type queue struct {
	mu    sync.Mutex
	todo  []int64
	tries map[int64]int
}

func newQueue(n int64) *queue {
	q := &queue{todo: make([]int64, n), tries: make(map[int64]int)}
	for i := range q.todo {
		q.todo[i] = int64(i)
	}
	return q
}

func (q *queue) next() (index int64, tries int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.todo) == 0 {
		return 0, 0, false
	}
	index, q.todo = q.todo[0], q.todo[1:]
	return index, q.tries[index], true
}

func (q *queue) back(index int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.todo = append(q.todo, index)
	q.tries[index]++
}

// tally tells of bytes that are safe, of each chunk once.
type tally struct {
	mu   sync.Mutex
	tell func(n int64)
	told map[int64]bool
}

func newTally(tell func(n int64)) *tally { return &tally{tell: tell, told: make(map[int64]bool)} }

func (t *tally) add(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tell != nil && n > 0 {
		t.tell(n)
	}
}

func (t *tally) at(index, n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tell != nil && !t.told[index] {
		t.told[index] = true
		t.tell(n)
	}
}
