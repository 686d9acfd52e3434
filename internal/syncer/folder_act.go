package syncer

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"sluice/internal/mirror"
	"sluice/internal/proto"
	"sluice/internal/reconcile"
)

// parent opens the folder that a path is in. The caller owns the descriptor. Every name of the path is checked: a server may
// have sent it.
func (f *Folder) parent(path string) (fd int, name string, err error) {
	for part := range strings.SplitSeq(path, "/") {
		if err := proto.CheckName(part); err != nil {
			return -1, "", err
		}
		if strings.HasPrefix(part, tempPrefix) {
			return -1, "", errTempName
		}
	}
	folder, name := cutPath(path)
	fd, err = f.at.folder(folder)
	return fd, name, meanwhile(err)
}

// errTempName is a name that would be taken for a leftover, and removed.
var errTempName = errors.New("names that begin with " + tempPrefix + " are those of temporary files")

// meanwhile is ErrMeanwhile for what tells that a name is not, or no longer, what it was taken for. A full disk gets its exit
// code.
func meanwhile(err error) error {
	for _, e := range [...]error{errMeanwhile, errUnsteady, errNoFile, unix.ENOENT, unix.ENOTDIR, unix.ELOOP, unix.EEXIST, unix.ENOTEMPTY, unix.EISDIR, unix.EXDEV} {
		if errors.Is(err, e) {
			return mirror.ErrMeanwhile
		}
	}
	if full := fullDisk(err); full != nil {
		return full
	}
	return err
}

// still says whether a name is what it was: of a folder only its identity counts.
func still(now *Node, was *reconcile.Entry) bool {
	if now.Kind != was.Kind || now.Ino != was.Facts.Ino || now.Born != was.Facts.Born {
		return false
	}
	return now.Kind == proto.KindFolder || now.Mtime == was.Facts.Mtime && now.Ctime == was.Facts.Ctime &&
		(now.Kind != proto.KindFile || now.Size == was.Facts.Size)
}

// is takes the facts of a name, if it is still what it was.
func (f *Folder) is(fd int, name string, was *reconcile.Entry) (now Node, err error) {
	if err := statName(fd, name, &now); err != nil {
		return now, meanwhile(err)
	}
	if !still(&now, was) {
		return now, mirror.ErrMeanwhile
	}
	return now, nil
}

// Mkdir is mirror.Folder's. One that is there keeps its mode.
func (f *Folder) Mkdir(path string, mode uint32) (reconcile.Facts, error) {
	fd, name, err := f.parent(path)
	if err != nil {
		return reconcile.Facts{}, err
	}
	defer unix.Close(fd)
	err = writable(fd, func() error { return unix.Mkdirat(fd, name, 0o700) })
	made := err == nil
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return reconcile.Facts{}, meanwhile(err)
	}
	folder, err := retry(func() (int, error) {
		return unix.Openat(fd, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return reconcile.Facts{}, meanwhile(err)
	}
	defer unix.Close(folder)
	if made {
		f.touch(path)
		if err := chmodAt(folder, mode); err != nil {
			return reconcile.Facts{}, err
		}
	}
	return factsAt(folder)
}

// Move is mirror.Folder's.
func (f *Folder) Move(from, to string, was *reconcile.Entry) (reconcile.Facts, error) {
	src, name, err := f.parent(from)
	if err != nil {
		return reconcile.Facts{}, err
	}
	defer unix.Close(src)
	dst, target, err := f.parent(to)
	if err != nil {
		return reconcile.Facts{}, err
	}
	defer unix.Close(dst)
	before, err := f.is(src, name, was)
	if err != nil {
		return reconcile.Facts{}, err
	}
	rename := func() error { return renameNew(src, name, dst, target) }
	if err := writable(src, func() error { return writable(dst, rename) }); err != nil {
		if errors.Is(err, unix.EXDEV) {
			return reconcile.Facts{}, errors.New("it cannot be moved to another file system")
		}
		return reconcile.Facts{}, meanwhile(err)
	}
	var now Node
	if err := statName(dst, target, &now); err != nil {
		return reconcile.Facts{}, meanwhile(err)
	}
	if now.Ino != before.Ino || now.Born != before.Born { // something else took its place at the last moment: back with it
		_ = renameNew(dst, target, src, name)
		return reconcile.Facts{}, mirror.ErrMeanwhile
	}
	f.moved(from, to, now.IsFolder())
	facts := factsMoved(&before, &now)
	sizeOfLink(&now, was)
	facts.Size = now.Size
	return facts, nil
}

// factsMoved are the facts of what was renamed. If it was changed just then, its ctime is not the rename's alone, and is not
// told: it will be read again.
func factsMoved(before, now *Node) reconcile.Facts {
	facts := factsOfNode(now)
	if !now.IsFolder() && (now.Mtime != before.Mtime || now.Size != before.Size) {
		facts.Ctime = 0
	}
	return facts
}

// Set is mirror.Folder's. The mode of a link means nothing.
func (f *Folder) Set(path string, was *reconcile.Entry, mode uint32, mtime int64) (reconcile.Facts, error) {
	fd, name, err := f.parent(path)
	if err != nil {
		return reconcile.Facts{}, err
	}
	defer unix.Close(fd)
	if was.Kind == proto.KindLink {
		if _, err := f.is(fd, name, was); err != nil {
			return reconcile.Facts{}, err
		}
		if err := setTime(fd, name, mtime); err != nil {
			return reconcile.Facts{}, meanwhile(err)
		}
		var now Node
		if err := statName(fd, name, &now); err != nil || now.Ino != was.Facts.Ino {
			return reconcile.Facts{}, mirror.ErrMeanwhile
		}
		f.touch(path)
		sizeOfLink(&now, was)
		return factsOfNode(&now), nil
	}
	file, err := retry(func() (int, error) {
		return unix.Openat(fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return reconcile.Facts{}, meanwhile(err)
	}
	defer unix.Close(file)
	var now Node
	if err := statFd(file, &now); err != nil {
		return reconcile.Facts{}, err
	}
	if !still(&now, was) {
		return reconcile.Facts{}, mirror.ErrMeanwhile
	}
	if err := chmodAt(file, mode); err != nil {
		return reconcile.Facts{}, err
	}
	before := now
	if err := statFd(file, &now); err != nil {
		return reconcile.Facts{}, err
	}
	if facts := factsMoved(&before, &now); facts.Ctime == 0 { // its own time must not be hidden
		return reconcile.Facts{}, mirror.ErrMeanwhile
	}
	ts := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, timespec(mtime)}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, self(file), ts, 0); err != nil {
		return reconcile.Facts{}, fmt.Errorf("set the time: %w", err)
	}
	f.touch(path)
	return factsAt(file)
}

// self leads to what a descriptor opened with O_PATH stands for, and to nothing else.
func self(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }

// chmodAt sets the mode of what was opened with O_PATH, and is no link.
func chmodAt(fd int, mode uint32) error {
	if err := unix.Chmod(self(fd), mode&0o777); err != nil {
		return fmt.Errorf("set the mode: %w", err)
	}
	return nil
}

func statFd(fd int, n *Node) error {
	var st unix.Statx_t
	if err := statAt(fd, &dot[0], unix.AT_EMPTY_PATH, &st); err != nil {
		return err
	}
	fill(n, &st)
	return nil
}

func factsAt(fd int) (reconcile.Facts, error) {
	var n Node
	if err := statFd(fd, &n); err != nil {
		return reconcile.Facts{}, err
	}
	return factsOfNode(&n), nil
}

// sizeOfLink gives a link, whose size a scan takes from its target, that size.
func sizeOfLink(n *Node, was *reconcile.Entry) {
	if n.Kind == proto.KindLink {
		n.Size = was.Facts.Size
	}
}

// Delete is mirror.Folder's. A file is put aside first, so that what somebody else puts in its place at the last moment is
// seen before it is gone. Of a folder only temporary files go with it.
func (f *Folder) Delete(path string, was *reconcile.Entry) error {
	fd, name, err := f.parent(path)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	before, err := f.is(fd, name, was)
	if err != nil {
		return err
	}
	if before.IsFolder() {
		err = writable(fd, func() error { return f.removeFolder(fd, name) })
	} else {
		err = writable(fd, func() error { return f.removeFile(fd, name, &before) })
	}
	if err != nil {
		return meanwhile(err)
	}
	f.removed(path)
	return nil
}

func (f *Folder) removeFile(fd int, name string, was *Node) error {
	a := f.temps.asideOf(was, 0, name)
	old := a.temp()
	if err := renameNew(fd, name, fd, old); err != nil {
		return err
	}
	if !a.isMeant(fd) {
		return putBack(fd, old, name)
	}
	return unix.Unlinkat(fd, old, 0)
}

func (f *Folder) removeFolder(fd int, name string) error {
	err := unix.Unlinkat(fd, name, unix.AT_REMOVEDIR)
	if !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.EEXIST) {
		return err
	}
	if err := removeTemps(fd, name); err != nil {
		return err
	}
	return unix.Unlinkat(fd, name, unix.AT_REMOVEDIR)
}

// removeTemps empties a folder that holds temporary files only, of which nobody will have use.
func removeTemps(fd int, name string) error {
	folder, err := retry(func() (int, error) {
		return unix.Openat(fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return err
	}
	defer unix.Close(folder)
	w := scanWorker{buf: make([]byte, 8<<10)}
	if err := w.list(folder, nil); err != nil {
		return err
	}
	start := 0
	var temps []string
	for _, end := range w.ends {
		name := string(w.names[start:end])
		start = end + 1
		if !isTemp(name) || strings.HasPrefix(name, asidePrefix) {
			return errMeanwhile
		}
		temps = append(temps, name)
	}
	for _, name := range temps {
		if strings.HasPrefix(name, stagePrefix) {
			err = removeTree(folder, name)
		} else {
			err = unix.Unlinkat(folder, name, 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writable does something in an open folder that needs the right to write there. Of one's own folders it is taken for that
// moment: that a folder is read-only keeps people from changing it, not a sync.
func writable(fd int, do func() error) error {
	err := do()
	if !errors.Is(err, unix.EACCES) {
		return err
	}
	restore, ok := unlockFolder(fd)
	if !ok {
		return err
	}
	defer restore()
	return do()
}
