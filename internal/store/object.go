package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// folders are the folders of object files this life has made: its numbers are its own, so nobody else makes those.
type folders struct {
	mu   sync.Mutex
	made map[int64]*turn // by number>>folderBits
}

// objectFolder makes the folder of a number's file, durably, if it is not there yet.
func (s *Store) objectFolder(number int64) (*turn, error) {
	s.folders.mu.Lock()
	defer s.folders.mu.Unlock()
	if t := s.folders.made[number>>folderBits]; t != nil {
		return t, nil
	}
	if err := os.Mkdir(s.folder.objectFolder(number), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, full(err)
	}
	if err := s.synced("the objects' folder", syncFolder(s.folder.objects())); err != nil {
		return nil, err
	}
	if s.folders.made == nil {
		s.folders.made = make(map[int64]*turn)
	}
	t := new(turn)
	s.folders.made[number>>folderBits] = t
	return t, nil
}

// newObject makes an empty file for a content, at its final name. The caller owns fd.
func (s *Store) newObject() (number int64, fd int, err error) {
	if number, err = s.life.fileNumber(); err != nil {
		return 0, -1, err
	}
	if _, err = s.objectFolder(number); err != nil {
		return 0, -1, err
	}
	path := s.folder.object(number)
	fd, err = unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return 0, -1, full(fmt.Errorf("make %s: %w", path, err))
	}
	return number, fd, nil
}

// syncObjectFolder makes the name of a file this life made durable. It is done before any row names the file.
func (s *Store) syncObjectFolder(number int64) error {
	t, err := s.objectFolder(number)
	if err != nil {
		return err
	}
	return t.sync(func() error {
		err := s.step("sync folder")
		if err == nil {
			err = syncFolder(s.folder.objectFolder(number))
		}
		return s.synced("a folder of objects", err)
	})
}

// removeObject unlinks a file no row names.
func (s *Store) removeObject(number int64) {
	if err := unix.Unlink(s.folder.object(number)); err != nil && err != unix.ENOENT {
		s.config.Log("warn", "a file that is not needed stays until the next start: "+filepath.Base(s.folder.object(number)), err)
	}
}
