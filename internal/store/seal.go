package store

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
	"sluice/internal/hash"
)

// UploadSeal makes a content of an upload whose chunks are all there. It locks the whole file, so that no chunk is on its
// way, and computes the root from the values of the chunks; only a content of a single chunk is read again, as its value
// is no part of its hash.
func (s *Store) UploadSeal(w Who, o Once, upload, size int64, want [32]byte, reply []byte) ([]byte, error) {
	if s.stopped.Load() {
		return nil, ErrReadOnly
	}
	var u *db.Upload
	err := s.read(func(tx *db.Tx) error {
		before, err := tx.Repeat(w.Account, o.Key[:])
		if err != nil || before != nil {
			return err
		}
		if u, err = tx.Upload(w.Account, upload); err == nil && u == nil {
			err = ErrNotFound
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if u == nil {
		return s.answerAgain(w, o)
	}
	fd, err := s.openUploadFile(u.Content)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd) // ends the lock
	free, err := claim(fd, 0, 0)
	if err != nil {
		return nil, fmt.Errorf("lock an upload: %w", err)
	}
	if !free {
		return nil, ErrBusy
	}
	if err := s.checkSeal(w, u, fd, size, want); err != nil {
		return nil, err
	}
	probe, err := readProbe(fd, size) // in place of what the client had said
	if err != nil {
		return nil, err
	}
	if err := s.step("seal verified"); err != nil {
		return nil, err
	}
	var left bool // the upload's own content is not needed: one of the same hash is there
	var answer []byte
	err = s.write(func(tx *db.Tx) (err error) {
		answer, err = s.once(tx, w, o, mayHave, func(tx *db.Tx) ([]byte, error) {
			left, err = seal(tx, w, upload, size, want, probe)
			return reply, err
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.step("sealed"); err != nil {
		return nil, err
	}
	if left {
		if err := s.discard([]int64{u.Content}); err != nil {
			s.config.Log("warn", "a twin's file is removed later", err)
		}
	}
	return answer, nil
}

// checkSeal compares chunks, length and root. The file is locked: nothing of it changes meanwhile.
func (s *Store) checkSeal(w Who, u *db.Upload, fd int, size int64, want [32]byte) error {
	var chunks []db.Chunk
	err := s.read(func(tx *db.Tx) error {
		still, err := tx.Upload(w.Account, u.ID)
		if err != nil {
			return err
		}
		if still == nil {
			return ErrNotFound
		}
		chunks, err = tx.Chunks(u.Content)
		return err
	})
	if err != nil {
		return err
	}
	values, err := complete(u, chunks, size)
	if err != nil {
		return err
	}
	if err := atLeast(fd, size); err != nil {
		return err
	}
	var root [32]byte
	if len(values) >= 2 {
		root = hash.Root(values, size)
	} else {
		s.verifying <- struct{}{}
		root, _, err = hash.SumReader(&stretch{fd, 0, size})
		<-s.verifying
		if err != nil {
			return fmt.Errorf("verify a content: %w", err)
		}
	}
	if differ("a seal", root, want) {
		return ErrHash
	}
	return nil
}

// complete tells whether the chunks that are there make a content of this size, and gives their values.
func complete(u *db.Upload, chunks []db.Chunk, size int64) ([][32]byte, error) {
	if size < 0 || u.Size >= 0 && size != u.Size {
		return nil, fmt.Errorf("%w: sealed with %d bytes, opened with %d", ErrRange, size, u.Size)
	}
	if int64(len(chunks)) < chunksOf(size) {
		return nil, fmt.Errorf("%w: %d of %d chunks are there", ErrNotUploaded, len(chunks), chunksOf(size))
	}
	values := make([][32]byte, len(chunks))
	for i, c := range chunks {
		if c.Index != int64(i) || c.Size != min(ChunkSize, size-c.Index*ChunkSize) {
			return nil, fmt.Errorf("%w: the chunks do not make a content of %d bytes", ErrNotUploaded, size)
		}
		values[i] = [32]byte(c.Value)
	}
	return values, nil
}

// atLeast checks a file's length.
func atLeast(fd int, size int64) error {
	var st unix.Stat_t
	if err := again(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return fmt.Errorf("ask for a file's length: %w", err)
	}
	if st.Size < size {
		return fmt.Errorf("BUG: a file of %d bytes where %d are said to be synced", st.Size, size)
	}
	return nil
}

// seal is the transaction: the charge of the upload becomes the charge of a hold. left: a content of the same hash is
// there already, and is taken instead, unless it is damaged: then the upload's takes its place.
func seal(tx *db.Tx, w Who, upload, size int64, want [32]byte, probe *db.Probe) (left bool, err error) {
	u, err := tx.Upload(w.Account, upload)
	if err != nil {
		return false, err
	}
	if u == nil {
		return false, ErrNotFound
	}
	id, err := tx.ContentByHash(want[:])
	if err != nil {
		return false, err
	}
	owed, damaged := int64(0), false
	if id != 0 {
		if owed, err = hold(tx, w, id, want, size, false, now()); err != nil {
			return false, err
		}
		if damaged, err = tx.Retire(id); err != nil {
			return false, err
		}
	}
	left = id != 0 && !damaged
	if !left {
		if err := tx.CompleteContent(u.Content, want[:], size); err != nil {
			return false, err
		}
		if damaged {
			err = tx.Heal(id, u.Content)
		} else {
			owed, err = hold(tx, w, u.Content, want, size, true, now())
		}
		if err != nil {
			return false, err
		}
		id = u.Content
	}
	if probe != nil {
		if err := tx.InsertProbe(id, probe); err != nil {
			return false, err
		}
	}
	err = errors.Join(tx.DeleteUpload(upload), charge(tx, w, owed-u.Charged))
	return left, err
}
