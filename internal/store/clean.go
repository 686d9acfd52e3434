package store

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

// cleanSlot ends the lives that died in a worker's slot. A life whose byte of life.lock is held is not dead: it is left
// alone.
func (s *Store) cleanSlot(slot int) error {
	lives, err := s.unended(slot)
	if err != nil {
		return err
	}
	for _, id := range lives {
		if id == s.life.id {
			continue
		}
		if err := s.cleanDead(id); err != nil {
			return err
		}
	}
	return nil
}

// anySlot means all lives, whatever their slot.
const anySlot = noSlot - 1

func (s *Store) unended(slot int) (lives []int64, err error) {
	err = s.read(func(tx *db.Tx) error {
		lives, err = tx.Unended(slot)
		return err
	})
	return lives, err
}

// cleanDead cleans what a life left, if it is over.
func (s *Store) cleanDead(id int64) error {
	fd, alive, err := holdLife(s.folder, id)
	if err != nil {
		return fmt.Errorf("look whether life %d is over: %w", id, err)
	}
	if alive {
		s.config.Log("warn", fmt.Sprintf("life %d still runs: what it began is left alone", id), nil)
		return nil
	}
	defer unix.Close(fd)
	return s.cleanLife(id)
}

// cleanLife removes the files a life began that no row names, and ends it. The life is over, or this store's own at its
// end. Rows need no cleaning: each transaction leaves only such as mean something.
func (s *Store) cleanLife(id int64) error {
	var blocks []int64
	err := s.read(func(tx *db.Tx) (err error) {
		blocks, err = tx.Blocks(id)
		return err
	})
	if err != nil {
		return err
	}
	for _, block := range blocks {
		if err := s.cleanBlock(block); err != nil {
			return fmt.Errorf("clean what life %d left: %w", id, err)
		}
	}
	return s.writeAnyway(func(tx *db.Tx) error { return tx.EndLife(id, now()) })
}

func (s *Store) cleanBlock(block int64) error {
	first, end := block*blockSize, (block+1)*blockSize
	var contents, segments []int64
	err := s.read(func(tx *db.Tx) (err error) {
		if contents, err = tx.FilesBetween(first, end); err == nil {
			segments, err = tx.SegmentsBetween(first, end)
		}
		return err
	})
	if err != nil {
		return err
	}
	err = s.cleanFolder(s.folder.segments(), s.folder.segment, first, end, segments)
	for at := first; at < end && err == nil; at += 1 << folderBits {
		err = s.cleanFolder(s.folder.objectFolder(at), s.folder.object, at, at+1<<folderBits, contents)
	}
	return err
}

// cleanFolder unlinks the files of a folder whose numbers are from first up to end and not among named, durably.
func (s *Store) cleanFolder(dir string, path func(int64) string, first, end int64, named []int64) error {
	there, err := numbered(dir, first, end)
	if err != nil {
		return err
	}
	removed := 0
	for _, number := range there {
		if _, found := slices.BinarySearch(named, number); found {
			continue
		}
		if err := unix.Unlink(path(number)); err != nil && err != unix.ENOENT {
			return fmt.Errorf("remove %s: %w", path(number), err)
		}
		removed++
	}
	if removed == 0 {
		return nil
	}
	s.config.Log("info", fmt.Sprintf("removed %d unfinished files from %s", removed, dir), nil)
	return s.synced(dir, syncFolder(dir))
}
