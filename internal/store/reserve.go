package store

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

// The reserves are two files of nothing that take room on the disk, so that there is some to give up when it is full.
//
// To delete names, log in, end a device or sweep takes a few pages of the database's log: when one of these finds no room, the
// first reserve is emptied, and the log takes half of it at once. When that is used up too, they wait for the keeper to move
// the log into the database, after which it begins anew in the room it has.
//
// So that must never fail. Moving the log may make the database longer, and the keeper takes the room for that while the log
// grows (db.Ahead), out of the log's reserve where the disk has none: piece by piece, and each goes into the database's file
// the moment it is given up. Whatever becomes free and is not taken at once belongs to whoever writes next: an upload, or
// another program.
//
// Uploads are refused as soon as one of the two is not whole, which the length of the first says, and already while no more than
// a reserve's size is left. The keeper makes them whole again.
//
//	whole ── a small write, or the log, finds the disk full ──> broken: uploads refused ── room again ──> whole
//
// They are of no use to a server that starts with a full disk for the first time, and it serves without them.

const (
	// reserveMost is enough for some hundred deletes between two checkpoints; on a small disk it is reserveShare of it.
	reserveMost  = 8 << 20
	reserveLeast = 256 << 10
	reserveShare = 64
	// drawShare is the part of the log's reserve that is given up at once, drawLeast the least of it: moving the log takes
	// some ten pages as a rule, and allocating them some more for a moment.
	drawShare = 8
	drawLeast = 64 << 10
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
		if !s.spend() {
			time.Sleep(keeperTick / 5)
		}
	}
	return err
}

// spend gives the room of the first reserve back to the disk, half of it to the database's log; false: there is none to give.
func (s *Store) spend() bool {
	fd, size := openReserve(s.folder.reserve())
	if size == 0 {
		return false
	}
	defer unix.Close(fd)
	err := again(func() error { return unix.Ftruncate(fd, 0) })
	if err == nil {
		took := db.TakeLog(s.folder.database(), size/2)
		// Some file systems give room back only with their next log: the sync makes them.
		if err = again(func() error { return unix.Fsync(fd) }); took != nil {
			_ = db.TakeLog(s.folder.database(), size/2) // without, the log takes what is free when it needs it
		}
	}
	s.config.Log("warn", fmt.Sprintf("the disk is full: a reserve of %d bytes is given up, and uploads are refused until there is room", size), err)
	return err == nil
}

// withLogReserve does something that takes room in the database's file, and gives it the log's reserve piece by piece for as
// long as it finds none.
func (s *Store) withLogReserve(do func() error) error {
	err := do()
	if !errors.Is(err, db.ErrFull) {
		return err
	}
	fd, size := openReserve(s.folder.logReserve())
	if size == 0 {
		return err
	}
	defer unix.Close(fd)
	s.breakReserve()
	s.config.Log("warn", fmt.Sprintf("the disk is full: the database's log takes of its reserve of %d bytes, and uploads are refused until there is room", size), nil)
	for size > 0 && errors.Is(err, db.ErrFull) {
		if size -= max(size/drawShare, drawLeast); size > 0 {
			size |= broken
		} else {
			size = 0
		}
		if e := again(func() error { return unix.Ftruncate(fd, size) }); e != nil {
			return errors.Join(err, e)
		}
		if err = do(); errors.Is(err, db.ErrFull) { // as in spend
			_ = again(func() error { return unix.Fsync(fd) })
			err = do()
		}
	}
	return err
}

// openReserve opens a reserve and tells what is left of it; 0: nothing, and nothing is open.
func openReserve(path string) (fd int, size int64) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, 0
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Size == 0 {
		unix.Close(fd)
		return -1, 0
	}
	return fd, st.Size
}

// broken is set in the length of a reserve that is not whole any more. Whole ones have even lengths.
const broken = 1

// breakReserve makes the length of the first reserve say that the other one is not whole: everybody looks at the first, and that
// is one look. It keeps its room.
func (s *Store) breakReserve() {
	fd, size := openReserve(s.folder.reserve())
	if size == 0 {
		return
	}
	defer unix.Close(fd)
	if size&broken == 0 {
		_ = again(func() error { return unix.Ftruncate(fd, size-1) }) // if it fails, the look at the disk refuses most
	}
}

// reserveSpent tells whether the disk was full and is not known to have room again. A reserve that was never made is not spent.
func (s *Store) reserveSpent() bool { return isSpent(s.folder.reserve()) }

func isSpent(path string) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil && (st.Size == 0 || st.Size&broken != 0)
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
		s.spend()
	}
}

// fillReserves makes reserves whole that are broken or missing, if the disk has room for twice as much. It never fails: a
// server without serves too. Only one process does this: the keeper, or a start-up.
func (s *Store) fillReserves() {
	for _, path := range []string{s.folder.logReserve(), s.folder.reserve()} { // uploads begin again when both are whole
		var st unix.Stat_t
		if unix.Stat(path, &st) == nil && !isSpent(path) {
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
		length := d.reserve
		if takeRoom(fd, length) != nil {
			length = st.Size // still broken; 0 where there was none
		}
		unix.Ftruncate(fd, length)
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
