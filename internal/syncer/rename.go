package syncer

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"sluice/internal/proto"
)

// statName takes the facts of a name in a folder, of the link itself if it is one.
func statName(fd int, name string, n *Node) error {
	var st unix.Statx_t
	_, err := retry(func() (int, error) {
		return 0, unix.Statx(fd, name, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st)
	})
	if err == nil {
		fill(n, &st)
	}
	return err
}

// unchangedHere says whether a name is still what the scan saw. n nil: nothing.
func unchangedHere(fd int, name string, n *Node) error {
	var st unix.Stat_t
	err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if n == nil && errors.Is(err, unix.ENOENT) {
		return nil
	}
	if n != nil && errors.Is(err, unix.ENOENT) {
		return errMeanwhile
	}
	if err != nil {
		return err
	}
	if n == nil || st.Ino != n.Ino || st.Mtim.Nano() != n.Mtime || st.Ctim.Nano() != n.Ctime || n.Kind == proto.KindFile && st.Size != n.Size {
		return errMeanwhile
	}
	return nil
}

// noFlags says that a file system, or the kernel, has no flags for renames.
func noFlags(err error) bool { return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) }

// renameNew renames and never replaces anything: errMeanwhile.
func renameNew(from int, name string, to int, target string) error {
	err := unix.Renameat2(from, name, to, target, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EEXIST) {
		return errMeanwhile
	}
	if err == nil || !noFlags(err) {
		return err
	}
	if err := unchangedHere(to, target, nil); err != nil {
		return err
	}
	return unix.Renameat(from, name, to, target)
}

// renameOver puts a temporary file in the place of what was there, if that is still as it was seen. Both change places first,
// so that what somebody else puts there at the last moment is seen before it is gone. ours is the inode of the temporary file,
// which has its name still only if it was never moved.
func (t *temps) renameOver(fd int, temp, name string, was *Node, ours uint64) error {
	if err := unchangedHere(fd, name, was); err != nil {
		return err
	}
	a := t.asideOf(was, ours, name)
	old := a.temp()
	if err := unix.Renameat(fd, temp, fd, old); err != nil {
		return err
	}
	err := unix.Renameat2(fd, old, fd, name, unix.RENAME_EXCHANGE)
	switch {
	case err == nil:
		if a.isMeant(fd) {
			return unix.Unlinkat(fd, old, 0)
		}
		_ = unix.Renameat2(fd, old, fd, name, unix.RENAME_EXCHANGE) // back with it
		err = errMeanwhile
	case noFlags(err):
		if err = unix.Renameat(fd, old, fd, name); err == nil {
			return nil
		}
	case errors.Is(err, unix.ENOENT):
		err = errMeanwhile
	}
	var now Node
	if statName(fd, old, &now) == nil && now.Ino != ours {
		return putBack(fd, old, name)
	}
	_ = unix.Unlinkat(fd, old, 0)
	return err
}

// putBack gives what was put aside and proved to be somebody's its name back, or, where something stands there by now, one
// beside it that all see. It gives errMeanwhile where that was done.
func putBack(fd int, temp, name string) error {
	err := renameNew(fd, temp, fd, name)
	for n := 1; errors.Is(err, errMeanwhile) && n < 100; n++ {
		suffix := fmt.Sprintf(" (kept %d)", n)
		err = renameNew(fd, temp, fd, proto.Cut(name, proto.MaxName-len(suffix))+suffix)
	}
	if err != nil {
		return fmt.Errorf("%w %s now: %w", errPutAside, temp, err)
	}
	return errMeanwhile
}

// errPutAside says that a temporary name holds what is somebody's. The next scan tries to give it back its own.
var errPutAside = errors.New("it was changed here meanwhile, and is called")
