package store

import (
	"errors"
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

// uploadChunks bounds an upload: 16 TiB, what one file of ext4 may hold and one reply's bitmap can tell of.
const uploadChunks = 1 << 21

// UploadOpen begins a content that comes in chunks and answers reply(its number). size -1: told by the seal; the account
// is then charged chunk by chunk, otherwise now.
func (s *Store) UploadOpen(w Who, o Once, size int64, reply func(upload int64) []byte) ([]byte, error) {
	if size < -1 || size > uploadChunks*ChunkSize {
		return nil, fmt.Errorf("%w: a content has at most %d bytes", ErrRange, int64(uploadChunks*ChunkSize))
	}
	repeated := false
	err := s.read(func(tx *db.Tx) error {
		before, err := tx.Repeat(w.Account, o.Key[:])
		if err != nil || before != nil {
			repeated = true
			return err
		}
		return room(tx, w, max(size, 0))
	})
	if err != nil {
		return nil, err
	}
	if repeated {
		return s.answerAgain(w, o)
	}
	if err := s.mayUpload(max(size, 0)); err != nil {
		return nil, err
	}
	number, fd, err := s.newObject()
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	answer, upload, err := s.openUpload(w, o, size, number, fd, reply)
	if err != nil || upload == 0 {
		if !errors.Is(err, errUnsure) {
			s.removeObject(number)
		}
		return answer, err
	}
	if size > 0 {
		if err := allocate(fd, 0, size); err != nil {
			return nil, errors.Join(err, s.takeBack(w, o, upload))
		}
	}
	return answer, s.step("upload opened")
}

// openUpload makes the rows of an upload whose file is there; upload 0: the same request was answered meanwhile.
func (s *Store) openUpload(w Who, o Once, size, number int64, fd int, reply func(int64) []byte) (answer []byte, upload int64, err error) {
	if size > 0 {
		if err := roomFor(fd, size); err != nil {
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
			charged := max(size, 0)
			if upload, err = tx.InsertUpload(&db.Upload{Account: w.Account, Content: number, Size: size, Charged: charged}, now()); err != nil {
				return nil, err
			}
			return reply(upload), charge(tx, w, charged)
		})
		return err
	})
	return answer, upload, err
}

// takeBack ends an upload for which the disk had no room, and forgets that it was answered.
func (s *Store) takeBack(w Who, o Once, upload int64) error {
	u, err := s.endUpload(w.Account, upload, math.MaxInt64, func(tx *db.Tx) error { return tx.DeleteRepeat(w.Account, o.Key[:]) })
	if u != nil && err == nil {
		err = s.discard([]int64{u.Content})
	}
	return err
}

// endUpload removes the row and the charge of an upload that nobody has touched since before; nil: there is no such. What
// is left, a doomed content with its file, is for discard.
func (s *Store) endUpload(account, upload, before int64, also func(tx *db.Tx) error) (u *db.Upload, err error) {
	err = s.writeAnyway(func(tx *db.Tx) error {
		if u, err = tx.Upload(account, upload); err != nil || u == nil {
			return err
		}
		if u.Touched >= before {
			u = nil
			return nil
		}
		if err := tx.DeleteUpload(upload); err != nil {
			return err
		}
		if _, err := tx.Charge(account, -u.Charged); err != nil {
			return err
		}
		return also(tx)
	})
	return u, err
}

func nothingElse(*db.Tx) error { return nil }

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

// UploadPresent tells which chunks of an upload are there; size -1: open, the list then ends with the last one there.
func (s *Store) UploadPresent(w Who, upload int64) (size int64, present []bool, err error) {
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
		size = u.Size
		count := chunksOf(max(size, 0))
		if n := len(chunks); size < 0 && n > 0 {
			count = chunks[n-1].Index + 1
		}
		present = make([]bool, count)
		for _, c := range chunks {
			present[c.Index] = true
		}
		return nil
	})
	return size, present, err
}

// chunksOf counts the chunks of a content.
func chunksOf(size int64) int64 { return (size + ChunkSize - 1) / ChunkSize }
