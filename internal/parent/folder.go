package parent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The parent's names in the data folder.
const (
	lockName    = "server.lock"
	PageName    = "page"
	ControlName = "control.sock"
)

// reserveNames are files of the store that only take room, to be given up on a full disk.
var reserveNames = [...]string{"reserve", "reserve-log"}

// takeFolder makes the data folder if it is missing, and takes its lock: exclusive, on
// one open description that the children inherit, so that it ends with the last of
// them. It waits for the workers of a server that has just died. The caller owns the file.
func takeFolder(data string, wait time.Duration) (*os.File, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	path := filepath.Join(data, lockName)
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the data folder's lock: %w", err)
	}
	fd := int(lock.Fd()) // lint:allow a regular file: there is no blocking mode to change
	deadline := time.Now().Add(wait)
	for {
		err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil || !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			break
		}
		if time.Now().After(deadline) {
			err = inUse(lock, data, path)
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err == nil {
		err = writePid(lock)
	}
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	return lock, nil
}

// writePid leaves the parent's number for the message of a server that comes second. A full disk is no reason not to
// start: names can be deleted then.
func writePid(lock *os.File) error {
	if err := lock.Truncate(0); err != nil {
		return err
	}
	_, err := lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return nil
	}
	return err
}

// giveUpReserve makes room on a full disk for a socket's name; false: there is no reserve, or all have been given up. The
// store, which keeps the files for this, does the same for its own needs, and fills them again.
func giveUpReserve(data string) bool {
	for _, name := range reserveNames {
		path := filepath.Join(data, name)
		if info, err := os.Stat(path); err == nil && info.Size() > 0 {
			return os.Truncate(path, 0) == nil
		}
	}
	return false
}

// inUse says who holds the lock and what to do about it.
func inUse(lock *os.File, data, path string) error {
	text := make([]byte, 32)
	n, _ := lock.ReadAt(text, 0) // an empty file only makes the message poorer
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	switch {
	case err != nil || pid <= 0:
		return fmt.Errorf("%w: another server runs on %s; stop it (`fuser %s` shows it), or give this one its own folder with --data",
			ErrInUse, data, path)
	case !errors.Is(unix.Kill(pid, 0), unix.ESRCH):
		return fmt.Errorf("%w: the server with process id %d runs on %s; stop it (`kill %d` lets it finish), or give this one its own folder with --data",
			ErrInUse, pid, data, pid)
	}
	return fmt.Errorf("%w: the server with process id %d has ended, but workers of it are still there on %s; try again in a few seconds, or end them with `fuser -k %s`",
		ErrInUse, pid, data, path)
}
