package live

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
)

// Lock says that this process, and no other, keeps a folder in step. It belongs to the folder itself (device and inode), so
// that another path to it is the same. The kernel ends it with the process.
type Lock struct{ file *os.File }

// HeldError says who keeps the folder in step already.
type HeldError struct {
	Dir string
	Pid int // 0: not known
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is kept in step by process %d already: ask it with `sluice status`, or end it first", e.Dir, e.Pid)
}

// ExitCode: it may be free later.
func (e *HeldError) ExitCode() int { return client.ExitTemporary }

// TakeLock takes the lock of the folder dir, whose file lies in the folder locks. HeldError: another process has it.
func TakeLock(locks, dir string) (*Lock, error) {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return nil, fmt.Errorf("look at %s: %w", dir, err)
	}
	if err := os.MkdirAll(locks, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for locks: %w", err)
	}
	path := filepath.Join(locks, fmt.Sprintf("%x-%x", st.Dev, st.Ino))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the folder's lock: %w", err)
	}
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.Flock(int(fd), unix.LOCK_EX|unix.LOCK_NB) })
	if err = errors.Join(err, failed); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			text := make([]byte, 32)
			n, _ := f.ReadAt(text, 0)
			pid, _ := strconv.Atoi(string(bytes.TrimSpace(text[:n]))) // 0 while it is being written
			return nil, &HeldError{Dir: dir, Pid: pid}
		}
		return nil, fmt.Errorf("lock the folder: %w", err)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("write the folder's lock: %w", err)
	}
	return &Lock{f}, nil
}

// Free gives the lock back. The file stays: to remove it would let two processes lock two files of one name.
func (l *Lock) Free() { l.file.Close() }
