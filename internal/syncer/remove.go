package syncer

import (
	"errors"

	"golang.org/x/sys/unix"
)

// removeTree removes a name in an open folder, with all below it if it is a folder. No link is followed.
func removeTree(folder int, name string) error {
	err := unix.Unlinkat(folder, name, 0)
	if !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM) {
		return err
	}
	if e := unix.Unlinkat(folder, name, unix.AT_REMOVEDIR); e == nil || !errors.Is(e, unix.ENOTEMPTY) && !errors.Is(e, unix.EEXIST) {
		if errors.Is(e, unix.ENOTDIR) {
			return err
		}
		return e
	}
	fd, err := retry(func() (int, error) {
		return unix.Openat(folder, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if restore, ok := unlockFolder(fd); ok {
		defer restore()
	}
	w := scanWorker{buf: make([]byte, 32<<10)}
	if err := w.list(fd, nil); err != nil {
		return err
	}
	start := 0
	for _, end := range w.ends {
		below := string(w.names[start:end])
		start = end + 1
		if err := removeTree(fd, below); err != nil {
			return err
		}
	}
	return unix.Unlinkat(folder, name, unix.AT_REMOVEDIR)
}
