package store

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

// The reserves are two files of nothing that take room on the disk, so that there is some to give up when it is full. To
// delete names, log in, end a device or sweep takes a few pages of the database's log: when one of these finds no room, the
// first reserve is emptied for it. To move the log into the database, after which the log begins anew and needs no room for a
// while, may make the database longer: the second is for that. Uploads are refused from then on, and already while no more
// than a reserve's size is left, as they would eat up what was given. The keeper fills the reserves again.
//
//	whole ── a small write finds the disk full ──> empty: uploads refused ── room again ──> whole
//
// They are of no use to a server that starts with a full disk for the first time, and it serves without them.

const (
	// reserveMost is enough for some hundred deletes between two checkpoints; on a small disk it is reserveShare of it.
	reserveMost  = 8 << 20
	reserveLeast = 256 << 10
	reserveShare = 64
	// startRoom is what a start needs at most: the index of the log, a life's row.
	startRoom = 256 << 10
	// freeingWait is how long what makes room waits for the keeper to move the log into the database.
	freeingWait = 3 * time.Second
)

// writeAnyway is write for what must succeed on a full disk too.
func (s *Store) writeAnyway(fn func(tx *db.Tx) error) error {
	return s.anyway(func() error { return s.write(fn) })
}

// anyway does something that writes little, with a reserve's room if need be.
func (s *Store) anyway(do func() error) error {
	err := do()
	for end := time.Now().Add(freeingWait); errors.Is(err, ErrSpace) && time.Now().Before(end); err = do() {
		if !s.spend(s.folder.reserve()) {
			time.Sleep(keeperTick / 5)
		}
	}
	return err
}

// spend gives the room of a reserve back to the disk; false: there is none to give.
func (s *Store) spend(path string) bool {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Size == 0 {
		return false
	}
	// Some file systems give room back only with their next log: the sync makes them.
	err = again(func() error { return unix.Ftruncate(fd, 0) })
	if err == nil {
		err = again(func() error { return unix.Fsync(fd) })
	}
	s.config.Log("warn", fmt.Sprintf("the disk is full: a reserve of %d bytes is given up, and uploads are refused until there is room", st.Size), err)
	return err == nil
}

// reserveSpent tells whether the disk was full and is not known to have room again.
func (s *Store) reserveSpent() bool {
	var st unix.Stat_t
	return unix.Stat(s.folder.reserve(), &st) == nil && st.Size == 0
}

// disk is a look at the file system below the data folder, in bytes.
type disk struct {
	size, free int64 // free: for this user
	reserve    int64 // how large a reserve is here
}

func (s *Store) disk() (disk, error) {
	var st unix.Statfs_t
	if err := again(func() error { return unix.Statfs(string(s.folder), &st) }); err != nil {
		return disk{}, fmt.Errorf("ask for free space: %w", err)
	}
	d := disk{size: int64(st.Blocks) * st.Bsize, free: int64(st.Bavail) * st.Bsize}
	d.reserve = min(max(d.size/reserveShare, reserveLeast), reserveMost)
	return d, nil
}

// makeRoom gives a reserve up before a start that would find no room.
func (s *Store) makeRoom() {
	if d, err := s.disk(); err == nil && d.free < startRoom {
		s.spend(s.folder.reserve())
	}
}

// fillReserves makes reserves whole that are empty or missing, if the disk has room for twice as much. It never fails: a
// server without serves too. Only one process does this: the keeper, or a start-up.
func (s *Store) fillReserves() {
	for _, path := range []string{s.folder.logReserve(), s.folder.reserve()} { // uploads begin again when both are whole
		if info, err := os.Stat(path); err == nil && info.Size() > 0 {
			continue
		}
		d, err := s.disk()
		if err != nil || d.free < 2*d.reserve {
			return
		}
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return
		}
		if takeRoom(fd, d.reserve) != nil {
			unix.Ftruncate(fd, 0)
		}
		unix.Close(fd)
	}
}

// takeRoom takes room for a file, by writing where the file system cannot do it otherwise.
func takeRoom(fd int, size int64) error {
	err := again(func() error { return unix.Fallocate(fd, 0, 0, size) })
	if err != unix.EOPNOTSUPP && err != unix.ENOSYS {
		return err
	}
	nothing := make([]byte, 64<<10)
	for at := int64(0); at < size; at += int64(len(nothing)) {
		if err := writeAt(fd, nothing, at); err != nil {
			return err
		}
	}
	return nil
}
