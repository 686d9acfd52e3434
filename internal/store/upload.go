package store

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
	"sluice/internal/hash"
)

// uploadChunks bounds an upload: 16 TiB, what one file of ext4 may hold and one reply's bitmap can tell of.
const uploadChunks = 1 << 21

// Opening says what content an upload is to bring.
type Opening struct {
	Size   int64  // -1: told by the seal; the account is then charged chunk by chunk, otherwise at once
	Probe  *Probe // of the content, as the client says; nil: this upload is not found again but by its key
	Label  string // what its user calls it; empty: nothing
	Sparse bool   // room on the disk is taken chunk by chunk
	Own    bool   // a new one even if one of the same size and probe has begun
	After  int64  // of those that have begun none up to this one
}

func (p *Opening) check() error {
	if p.Size < -1 || p.Size > uploadChunks*ChunkSize {
		return fmt.Errorf("%w: a content has at most %d bytes", ErrRange, int64(uploadChunks*ChunkSize))
	}
	if p.Probe != nil && p.Size < hash.ProbeLeast {
		return fmt.Errorf("%w: a probe of a content of %d bytes", ErrRange, p.Size)
	}
	return nil
}

// ahead is how much of the disk is taken when the upload is opened.
func (p *Opening) ahead() int64 {
	if p.Sparse {
		return 0
	}
	return max(p.Size, 0)
}

// UploadOpen begins a content that comes in chunks, or finds one that has begun, and answers reply(its number, whether it
// was found).
func (s *Store) UploadOpen(w Who, o Once, open Opening, reply func(upload int64, found bool) []byte) ([]byte, error) {
	if err := open.check(); err != nil {
		return nil, err
	}
	repeated, begun := false, int64(0)
	err := s.read(func(tx *db.Tx) error {
		before, err := tx.Repeat(w.Account, o.Key[:])
		if err != nil || before != nil {
			repeated = true
			return err
		}
		if begun, err = open.begun(tx, w); err != nil || begun != 0 {
			return err
		}
		return room(tx, w, max(open.Size, 0))
	})
	switch {
	case err != nil:
		return nil, err
	case repeated:
		return s.answerAgain(w, o)
	case begun != 0:
		answer, err := s.joinUpload(w, o, &open, reply)
		if !errors.Is(err, errEnded) {
			return answer, err
		}
	}
	if err := s.mayUpload(open.ahead()); err != nil {
		return nil, err
	}
	number, fd, err := s.newObject()
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	answer, upload, err := s.openUpload(w, o, &open, number, fd, reply)
	if err != nil || upload == 0 {
		if !errors.Is(err, errUnsure) {
			s.removeObject(number)
		}
		return answer, err
	}
	if err := open.take(fd); err != nil {
		return nil, errors.Join(err, s.takeBack(w, o, upload))
	}
	return answer, s.step("upload opened")
}

// take gives an upload's file its length, and the room it needs.
func (p *Opening) take(fd int) error {
	switch {
	case p.Size <= 0:
		return nil
	case p.Sparse:
		return full(again(func() error { return unix.Ftruncate(fd, p.Size) }))
	}
	return allocate(fd, 0, p.Size)
}

// openUpload makes the rows of an upload whose file is there; upload 0: the same request was answered meanwhile, or another
// device has begun the same.
func (s *Store) openUpload(w Who, o Once, open *Opening, number int64, fd int, reply func(int64, bool) []byte) (answer []byte, upload int64, err error) {
	if n := open.ahead(); n > 0 {
		if err := roomFor(fd, n); err != nil {
			return nil, 0, err
		}
	}
	if err := s.step("upload's file made"); err != nil {
		return nil, 0, err
	}
	if err := s.syncObjectFolder(number); err != nil {
		return nil, 0, err
	}
	err = s.write(func(tx *db.Tx) (err error) {
		answer, err = s.once(tx, w, o, mayHave, func(tx *db.Tx) ([]byte, error) {
			if answer, err := open.join(tx, w, reply); !errors.Is(err, errEnded) {
				return answer, err
			}
			charged := max(open.Size, 0)
			u := &db.Upload{Account: w.Account, Content: number, Size: open.Size, Charged: charged, Sparse: open.Sparse, Device: w.Device, Label: open.Label}
			if upload, err = tx.InsertUpload(u, now()); err != nil {
				return nil, err
			}
			if open.Probe != nil {
				if err := tx.InsertProbe(number, probeRow(open.Size, open.Probe)); err != nil {
					return nil, err
				}
			}
			return reply(upload, false), charge(tx, w, charged)
		})
		return err
	})
	return answer, upload, err
}

// takeBack ends an upload for which the disk had no room, and forgets that it was answered.
func (s *Store) takeBack(w Who, o Once, upload int64) error {
	var u *db.Upload
	err := s.writeAnyway(func(tx *db.Tx) (err error) {
		if u, err = endUpload(tx, w.Account, upload); err != nil {
			return err
		}
		return tx.DeleteRepeat(w.Account, o.Key[:])
	})
	if u != nil && err == nil {
		err = s.discard([]int64{u.Content})
	}
	return err
}

// endUpload removes the row and the charge of an upload; nil: there is no such. What is left, a doomed content with its
// file, is for discard.
func endUpload(tx *db.Tx, account, upload int64) (*db.Upload, error) {
	u, err := tx.Upload(account, upload)
	if err != nil || u == nil {
		return nil, err
	}
	if err := tx.DeleteUpload(upload); err != nil {
		return nil, err
	}
	_, err = tx.Charge(account, -u.Charged)
	return u, err
}

// answerAgain answers a request that was answered before.
func (s *Store) answerAgain(w Who, o Once) (answer []byte, err error) {
	err = s.write(func(tx *db.Tx) error {
		answer, err = s.once(tx, w, o, mayHave, func(*db.Tx) ([]byte, error) {
			return nil, ErrBusy // swept this very moment: the next try begins anew
		})
		return err
	})
	return answer, err
}

// mayHave says that an account may have the reply it was given before: uploads belong to it alone.
func mayHave(*db.Tx) error { return nil }

// hintLength is how much of a present chunk's value is told when an upload is found again.
const hintLength = 8

// Present tells which chunks of an upload are there.
type Present struct {
	Size   int64  // -1: open, Chunks then ends with the last one that is there
	Chunks []bool // by index
	Hints  []byte // hintLength bytes of the value of each that is there, in order
}

// UploadPresent tells which chunks of an upload are there.
func (s *Store) UploadPresent(w Who, upload int64) (p Present, err error) {
	err = s.read(func(tx *db.Tx) error {
		u, err := tx.Upload(w.Account, upload)
		if err != nil {
			return err
		}
		if u == nil {
			return ErrNotFound
		}
		chunks, err := tx.Chunks(u.Content)
		if err != nil {
			return err
		}
		p.Size = u.Size
		count := chunksOf(max(u.Size, 0))
		if n := len(chunks); u.Size < 0 && n > 0 {
			count = chunks[n-1].Index + 1
		}
		p.Chunks = make([]bool, count)
		p.Hints = make([]byte, 0, len(chunks)*hintLength)
		for _, c := range chunks {
			p.Chunks[c.Index] = true
			p.Hints = append(p.Hints, c.Value[:hintLength]...)
		}
		return nil
	})
	return p, err
}

// chunksOf counts the chunks of a content.
func chunksOf(size int64) int64 { return (size + ChunkSize - 1) / ChunkSize }
