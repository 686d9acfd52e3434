package store

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

// discardAll removes what ended uploads and collected contents have left.
func (s *Store) discardAll() error {
	for {
		var left []int64
		err := s.read(func(tx *db.Tx) (err error) {
			left, err = tx.Unfinished(sweepBatch)
			return err
		})
		if err != nil || len(left) == 0 {
			return err
		}
		if err := s.discard(left); err != nil {
			return errors.Join(errors.New("remove the files of what nobody names"), err)
		}
	}
}

// discard removes incomplete contents that nothing refers to: first the file, durably, then the row, so that no file is
// forgotten. It may be repeated. A file that cannot be removed keeps its row.
func (s *Store) discard(contents []int64) error {
	gone, touched := make([]int64, 0, len(contents)), make(map[string]bool)
	var stays error
	for _, number := range contents {
		path := s.folder.object(number)
		if err := unix.Unlink(path); err != nil && err != unix.ENOENT {
			stays = fmt.Errorf("remove %s: %w", path, err)
			continue
		}
		gone = append(gone, number)
		touched[s.folder.objectFolder(number)] = true
	}
	for dir := range touched {
		err := syncFolder(dir)
		if errors.Is(err, fs.ErrNotExist) { // nor are there any files of it
			continue
		}
		if err := s.synced("a folder of objects", err); err != nil {
			return err
		}
	}
	if err := s.step("file removed"); err != nil {
		return err
	}
	for len(gone) > 0 {
		done := 0
		err := s.writeAnyway(func(tx *db.Tx) (err error) {
			done, err = deleteUnfinished(tx, gone)
			return err
		})
		if err != nil {
			return err
		}
		gone = gone[done:]
	}
	return stays
}

// deleteUnfinished removes rows, those of chunks first, of which a large content has very many. It tells how many of the
// contents are gone when its transaction has become as long as it may: the others are for the next one.
func deleteUnfinished(tx *db.Tx, contents []int64) (done int, err error) {
	left := int64(sweepBatch)
	for _, number := range contents {
		for {
			n, err := tx.DeleteChunks(number, sweepBatch)
			if err != nil {
				return 0, err
			}
			if n == 0 {
				break
			}
			if left -= n; left <= 0 {
				return done, nil
			}
		}
		if err := tx.DeleteUnfinished(number); err != nil {
			return 0, err
		}
		done++
	}
	return done, nil
}
