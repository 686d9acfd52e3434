package store

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// lock is a file whose flock is held. The lock belongs to the open file description, so the kernel ends it with the
// process.
type lock struct{ fd int } // owned

const (
	shared    = unix.LOCK_SH
	exclusive = unix.LOCK_EX
)

// lockFile takes a flock, waiting at most so long: ErrInUse then.
func lockFile(path string, how int, wait time.Duration) (*lock, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	for end := time.Now().Add(wait); ; time.Sleep(lockPoll) {
		err := again(func() error { return unix.Flock(fd, how|unix.LOCK_NB) })
		if err == nil {
			return &lock{fd}, nil
		}
		if err != unix.EWOULDBLOCK || !time.Now().Before(end) {
			unix.Close(fd)
			if err == unix.EWOULDBLOCK {
				return nil, fmt.Errorf("%w: %s is held by another program", ErrInUse, path)
			}
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
	}
}

func (l *lock) unlock() { unix.Close(l.fd) }

// claim takes an open-file-description lock for writing on a range (length 0: to the end, however far that moves). Two
// descriptors opened apart exclude each other even within one process; the kernel ends the claim when fd is closed.
// False: another has it.
func claim(fd int, offset, length int64) (bool, error) {
	l := unix.Flock_t{Type: unix.F_WRLCK, Start: offset, Len: length}
	err := again(func() error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &l) })
	if err == unix.EAGAIN || err == unix.EACCES {
		return false, nil
	}
	return err == nil, err
}
