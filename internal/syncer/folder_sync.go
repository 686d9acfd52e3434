package syncer

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/mirror"
)

// touch notes that a name was made or changed.
func (f *Folder) touch(path string) {
	f.touched[path] = true
	f.touched[parentOf(path)] = true
}

func (f *Folder) removed(path string) {
	delete(f.touched, path)
	f.touched[parentOf(path)] = true
}

func (f *Folder) moved(from, to string, folder bool) {
	f.touched[parentOf(from)] = true
	f.touched[parentOf(to)] = true
	if !folder {
		return
	}
	var below []string
	for path := range f.touched {
		if path == from || strings.HasPrefix(path, from+"/") {
			below = append(below, path)
		}
	}
	for _, path := range below {
		delete(f.touched, path)
		f.touched[to+path[len(from):]] = true
	}
	f.touched[to] = true // a folder knows what it is in
}

// Sync is mirror.Folder's.
func (f *Folder) Sync() error {
	if !f.synced && !f.look { // what a process before this one made may not be durable
		if _, err := retry(func() (int, error) { return 0, unix.Syncfs(f.at.fd) }); err != nil {
			return fmt.Errorf("sync %s to disk: %w", Terminal(f.dir), err)
		}
		f.synced = true
	}
	if len(f.touched) == 0 {
		return nil
	}
	seen := make(map[uint64]bool)
	for path := range f.touched {
		if err := f.syncOne(path, len(f.touched) >= syncEachBelow, seen); err != nil {
			if full := fullDisk(err); full != nil {
				return full
			}
			return fmt.Errorf("sync %s to disk: %w", Terminal(join(f.dir, path)), err)
		}
	}
	clear(f.touched)
	return nil
}

// syncOne makes a file or folder durable, or where there are many the file system it is on. What cannot be opened any more, as
// it is gone or was replaced, is what somebody else has made since.
func (f *Folder) syncOne(path string, many bool, seen map[uint64]bool) error {
	fd, err := f.at.open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if many && err != nil {
		return nil
	}
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) { // its folder's sync must do
		fd, err = f.at.folder(parentOf(path))
	}
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EACCES) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	dev, err := deviceOf(fd)
	switch {
	case err != nil:
		return err
	case many && seen[dev]:
		return nil
	case many:
		seen[dev] = true
		_, err = retry(func() (int, error) { return 0, unix.Syncfs(fd) })
		return err
	}
	_, err = retry(func() (int, error) { return 0, unix.Fsync(fd) })
	return err
}

// markName is the attribute that marks a folder as the one that is synced.
const markName = "user.sluice.root"

// Marker is mirror.Folder's.
func (f *Folder) Marker() (mirror.Marker, error) {
	var b [256]byte
	n, err := retry(func() (int, error) { return unix.Fgetxattr(f.at.fd, markName, b[:]) })
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENODATA) {
		n, err = 0, nil
	}
	if err != nil {
		return mirror.Marker{}, fmt.Errorf("read the mark of %s: %w", Terminal(f.dir), err)
	}
	return mirror.Marker{Dev: f.dev, Ino: f.ino, Mark: string(b[:n])}, nil
}

// SetMark is mirror.Folder's. Nothing happens either where one may not set attributes, or there is no room for them.
func (f *Folder) SetMark(mark string) error {
	err := unix.Fsetxattr(f.at.fd, markName, []byte(mark), 0)
	for _, e := range [...]error{unix.ENOTSUP, unix.EACCES, unix.EPERM, unix.EROFS, unix.ENOSPC, unix.EDQUOT} {
		if errors.Is(err, e) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("mark %s: %w", Terminal(f.dir), err)
	}
	return nil
}

// Check is mirror.Folder's: exit code 9 if the folder is gone from its path, or another one is there.
func (f *Folder) Check() error {
	var st unix.Stat_t
	_, err := retry(func() (int, error) { return 0, unix.Stat(f.dir, &st) })
	switch {
	case errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR):
		return gone(f.dir)
	case err != nil:
		return &mirror.SafetyError{Reason: fmt.Sprintf("%s cannot be reached: %v", Terminal(f.dir), err)}
	case st.Dev != f.dev || st.Ino != f.ino:
		return another(f.dir)
	}
	return nil
}

func gone(dir string) error {
	return &mirror.SafetyError{Reason: fmt.Sprintf("%s is not there: is a disk not mounted?", Terminal(dir))}
}

func another(dir string) error {
	return &mirror.SafetyError{Reason: fmt.Sprintf("%s is not the folder that was synced before: is a disk not mounted, or was it replaced?", Terminal(dir))}
}

// unlockFolder gives the owner of a folder all rights in it until restore is called. Not ok: it is not ours, or we have them already.
func unlockFolder(fd int) (restore func(), ok bool) {
	var st unix.Stat_t
	if fstat(fd, &st) != nil || int(st.Uid) != os.Geteuid() || st.Mode&0o300 == 0o300 {
		return nil, false
	}
	mode := st.Mode & 0o7777
	if unix.Fchmod(fd, mode|0o700) != nil {
		return nil, false
	}
	return func() { _ = unix.Fchmod(fd, mode) }, true
}

// lockFolder keeps a second pull or sync out of a folder: each would take the other's temporary files for leftovers. The lock
// lies on the folder itself, so nothing is created in it, and ends with the descriptor.
func lockFolder(at *beneath, dir string) error {
	_, err := retry(func() (int, error) { return 0, unix.Flock(at.fd, unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return coded(client.ExitTemporary, "another pull or sync is writing into %s: wait until it has ended", Terminal(dir))
	}
	return nil // a file system that cannot lock is used without
}
