package client

import (
	"context"
	"errors"
	"io"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/internal/delta"
	"sluice/internal/hash"
	"sluice/internal/proto"
)

// An unfinished upload of the same size and probe may be of another file: disk images often differ in the middle only. So
// the chunks that are there are held against the file before anything is sent, and while others fill the same upload again
// and again; if one differs the next such upload is looked for, and in the end a new one begun.

// errOther says that the upload is of another content.
var errOther = errors.New("the upload is of another content")

const (
	// askEvery is how often it is asked what others have brought meanwhile.
	askEvery = time.Second
	// attemptsMost bounds how often an upload is begun anew after it was ended by somebody else.
	attemptsMost = 5
)

// run brings the file to the server: it asks what is there, sends what is not, and seals.
func (u *upload) run(ctx context.Context) error {
	probe, err := hash.ReadProbe(u.source.f, u.size)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrChanged
	}
	if err != nil {
		return err
	}
	like, err := u.remote.Probe(ctx, u.size, &probe)
	if err != nil {
		return err
	}
	if like.Held != nil || u.opt.HashFirst || u.remote.linking() {
		if there, err := u.there(ctx); there || err != nil {
			return err
		}
	}
	if err := u.compare(ctx, like); err != nil {
		return err
	}
	w := wireProbe(&probe)
	u.how = proto.UploadOpen{Size: u.size, Probe: &w, Label: labelOf(u.source.f), Sparse: u.relative != nil || len(u.holes) > 0}
	for attempt := 1; ; attempt++ {
		err := u.attempt(ctx)
		switch code := CodeOf(err); {
		case err == nil:
			return nil
		case errors.Is(err, errOther) || code == proto.Differs:
			u.how.After = u.id
			attempt = 0 // there are not so many of them
		case attempt == attemptsMost:
			return err
		case code == proto.NotUploaded: // the server has lost chunks since it took them: asking again tells which
		case code == proto.NotFound: // sealed by another device, or ended by the user or the server
			if there, err := u.there(ctx); there || err != nil {
				return err
			}
		case code == proto.HashMismatch && u.whole: // chunks whose hints are alike
			u.how.After = u.id
		default:
			return err
		}
	}
}

// compare finds what of the file need not be sent: holes, and what it has in common with a content the server has.
func (u *upload) compare(ctx context.Context, like *proto.ProbeReply) (err error) {
	if u.holes, err = holesOf(u.source.f, u.size); err != nil {
		return err
	}
	older := u.opt.Older
	switch {
	case older.Size > 0:
	case like.Held != nil:
		older = Known{*like.Held, u.size}
	case like.Relative != nil:
		older = Known{*like.Relative, like.RelativeSize}
	}
	if older.Size < delta.LeastBlock {
		return nil
	}
	u.relative, err = u.remote.relate(ctx, older, u.size)
	return err
}

// there hashes what was not hashed yet and asks whether the server has the content, or, if it does not say so, proves to
// have it.
func (u *upload) there(ctx context.Context) (bool, error) {
	if err := u.hashRest(ctx); err != nil {
		return false, err
	}
	content := Hash(hash.Root(u.values, u.size))
	held, err := u.remote.Spare(ctx, []Object{{Hash: content, Size: u.size}}, func(int) io.ReaderAt { return u.source.f },
		Sparing{Always: u.opt.HashFirst})
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return false, ErrChanged
	}
	if err != nil || !held.Get(0) {
		return false, err
	}
	if err := u.unchanged(); err != nil {
		return false, err
	}
	for index := range int64(len(u.values)) {
		u.done.at(index, u.source.length(index))
	}
	u.result.Hash, u.result.Instant = content, u.result.Sent == 0 && u.result.Found == 0
	return true, nil
}

// hashRest hashes all chunks that were not hashed yet, on all cores.
func (u *upload) hashRest(ctx context.Context) error {
	queue := newQueue(int64(len(u.values)))
	group, ctx := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), len(u.values)) {
		group.Go(func() error {
			buf := make([]byte, copyPiece)
			for {
				index, _, ok := queue.next()
				if !ok {
					return ctx.Err()
				}
				if u.values[index] != ([32]byte{}) {
					continue
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				if _, err := u.hash(index, buf); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// open begins the upload or finds it again.
func (u *upload) open(ctx context.Context) error {
	q := u.how
	q.Key = NewKey()
	got, err := u.remote.do(ctx, newCall(proto.TypeUploadOpen, &q))
	if err != nil {
		return err
	}
	answer := got.header.(*proto.UploadOpenReply)
	if u.id != answer.Upload && u.opt.Begun != nil {
		u.opt.Begun(answer.Upload)
	}
	u.id = answer.Upload
	u.known.set(answer, got.body)
	u.known.shared = answer.Found
	for _, index := range u.known.chunks() {
		if u.size >= 0 && index >= int64(len(u.values)) {
			return broken("upload-open: chunk %d of %d is present", index, len(u.values))
		}
	}
	return nil
}

// refresh asks what others have brought of a shared upload, if the last answer is not fresh.
func (u *upload) refresh(ctx context.Context) error {
	if !u.known.due(time.Now()) {
		return nil
	}
	got, err := u.remote.do(ctx, newCall(proto.TypeUploadOpen, &proto.UploadOpen{Key: NewKey(), Size: -1, Upload: u.id}))
	if err != nil {
		return err
	}
	u.known.set(got.header.(*proto.UploadOpenReply), got.body)
	return nil
}
