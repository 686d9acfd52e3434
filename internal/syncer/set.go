package syncer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"sluice/internal/mirror"
	"sluice/internal/proto"
	"sluice/internal/reconcile"
)

// FetchSet is mirror.Contents's. The set is made under a temporary name: what is the same in the present one is copied from it,
// the rest is fetched. When all of it is durable both change places in one step, and the old one is removed.
func (c *Contents) FetchSet(ctx context.Context, w mirror.WantedSet) (*reconcile.Entry, error) {
	f := c.folder
	fd, name, err := f.parent(w.Path)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	s := &setFetch{c: c, f: f, w: w, parent: fd, temp: f.temps.stage()}
	s.at = join(parentOf(w.Path), s.temp)
	var got *reconcile.Entry
	err = writable(fd, func() error {
		var err error
		got, err = s.run(ctx, name)
		return err
	})
	if err != nil {
		_ = removeTree(fd, s.temp)
		return nil, meanwhile(err)
	}
	return got, nil
}

// setFetch is one set on its way.
type setFetch struct {
	c      *Contents
	f      *Folder
	w      mirror.WantedSet
	parent int    // the folder it comes into, open
	temp   string // its name there until it is whole
	at     string // its path until then
	list   []mirror.Wanted
	made   []madeFolder
}

type madeFolder struct {
	path string
	e    *reconcile.Entry
}

func (s *setFetch) run(ctx context.Context, name string) (*reconcile.Entry, error) {
	if err := s.fill(ctx, s.w.Remote, s.w.Over, "", s.temp); err != nil {
		return nil, err
	}
	var failed error
	err := s.c.Fetch(ctx, s.list, func(done []mirror.Fetched) error {
		for _, d := range done {
			if d.Err != nil && failed == nil {
				failed = fmt.Errorf("%s: %w", s.w.Path+d.Path[len(s.at):], d.Err)
			}
		}
		return failed
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return nil, err
	}
	for i := len(s.made) - 1; i >= 0; i-- { // what is in a folder before what its mode forbids
		if err := s.finish(s.made[i]); err != nil {
			return nil, err
		}
	}
	if _, err := retry(func() (int, error) { return 0, unix.Syncfs(s.parent) }); err != nil {
		return nil, fmt.Errorf("sync the disk: %w", err)
	}
	got, err := setAt(ctx, s.f.at, s.parent, s.temp)
	if err != nil {
		return nil, err
	}
	if err := s.swap(ctx, name); err != nil {
		return nil, err
	}
	_, err = retry(func() (int, error) { return 0, unix.Fsync(s.parent) })
	if s.w.Over != nil {
		_ = removeTree(s.parent, s.temp) // what stays is removed by the next scan
	}
	return got, err
}

// fill makes the folders of the set and copies what has not changed. rel is the path of the folder e in the set; over is what
// is there now, or nil.
func (s *setFetch) fill(ctx context.Context, e, over *reconcile.Entry, rel, name string) error {
	at := s.at
	if rel != "" {
		at = join(s.at, rel)
	}
	folder, err := s.f.at.folder(parentOf(at))
	if err != nil {
		return err
	}
	err = unix.Mkdirat(folder, name, 0o700)
	unix.Close(folder)
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	s.made = append(s.made, madeFolder{at, e})
	if folder, err = s.f.at.folder(at); err != nil {
		return err
	}
	defer unix.Close(folder)
	for name, c := range e.Children {
		if err := proto.CheckName(name); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		var was *reconcile.Entry
		if over != nil {
			was = over.Children[name]
		}
		path := join(rel, name)
		switch {
		case c.IsFolder():
			if was != nil && !was.IsFolder() {
				was = nil
			}
			if err := s.fill(ctx, c, was, path, name); err != nil {
				return err
			}
			continue
		case was != nil && was.Kind == c.Kind && c.Kind == proto.KindFile && was.Hashed && was.Hash == c.Hash && was.Size == c.Size:
			done, err := s.copy(folder, name, c, was, join(s.w.Path, path))
			if err != nil {
				return err
			}
			if done {
				continue
			}
		}
		s.list = append(s.list, mirror.Wanted{Remote: c, Path: join(s.at, path)})
	}
	return nil
}

// copy copies a file that is in the present set, if it is still what it was. Not done: it is to be fetched.
func (s *setFetch) copy(folder int, name string, e, was *reconcile.Entry, from string) (done bool, err error) {
	src, err := s.f.at.open(from, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return false, nil
	}
	in := os.NewFile(uintptr(src), name)
	defer in.Close()
	var now Node
	if err := statFd(src, &now); err != nil || !still(&now, was) {
		return false, err
	}
	dst, err := createTemp(folder, name)
	if err != nil {
		return false, err
	}
	out := os.NewFile(uintptr(dst), name)
	defer out.Close()
	if unix.IoctlFileClone(dst, src) != nil {
		if n, err := io.Copy(out, in); err != nil { // by copy_file_range where it can
			return false, fmt.Errorf("copy: %w", err)
		} else if n != e.Size {
			return false, errMeanwhile
		}
	}
	return true, finishTemp(dst, &Node{Kind: proto.KindFile, Mode: e.Mode & 0o777, Mtime: e.Mtime}, false)
}

// finish gives a folder its mode and time.
func (s *setFetch) finish(m madeFolder) error {
	fd, err := s.f.at.folder(m.path)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Fchmod(fd, m.e.Mode&0o777); err != nil {
		return fmt.Errorf("set the mode: %w", err)
	}
	return setTimeOf(fd, m.e.Mtime)
}

// swap puts the new set in the place of the old one, if that is still as it was scanned. It is looked at once more after it
// has left its place, so that what somebody changes at the last moment is not lost.
func (s *setFetch) swap(ctx context.Context, name string) error {
	if s.w.Over == nil {
		return renameNew(s.parent, s.temp, s.parent, name)
	}
	if err := s.f.isSet(ctx, s.parent, name, s.w.Over); err != nil {
		return err
	}
	var now Node
	if err := statName(s.parent, s.temp, &now); err != nil {
		return err
	}
	ours := now.Ino // which of the two is to be removed in the end
	old := s.f.temps.asideOfSet(s.w.Over, ours, name).temp()
	if err := renameNew(s.parent, s.temp, s.parent, old); err != nil {
		return err
	}
	exchange := func() error { return unix.Renameat2(s.parent, old, s.parent, name, unix.RENAME_EXCHANGE) }
	err := exchange()
	if noFlags(err) {
		err = errors.New("it is one set with all it holds, and this file system cannot exchange two folders")
	}
	if err == nil {
		if err = s.f.isSet(ctx, s.parent, old, s.w.Over); err != nil {
			_ = exchange() // back with it
		} else {
			ours = s.w.Over.Facts.Ino
		}
	}
	if e := statName(s.parent, old, &now); e == nil && now.Ino != ours {
		return putBack(s.parent, old, name)
	}
	if e := renameNew(s.parent, old, s.parent, s.temp); e != nil {
		return fmt.Errorf("put aside the one before: %w", e)
	}
	return err
}

// DeleteSet is mirror.Folder's. The set leaves its place as one, and is removed when it is seen to be what it was.
func (f *Folder) DeleteSet(ctx context.Context, path string, was *reconcile.Entry) error {
	fd, name, err := f.parent(path)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	a := f.temps.asideOfSet(was, 0, name)
	err = writable(fd, func() error {
		if err := f.isSet(ctx, fd, name, was); err != nil {
			return err
		}
		if err := renameNew(fd, name, fd, a.temp()); err != nil {
			return err
		}
		if f.isSet(ctx, fd, a.temp(), was) != nil {
			return putBack(fd, a.temp(), name)
		}
		a.removeSet(fd)
		return nil
	})
	if err != nil {
		return meanwhile(err)
	}
	f.removed(path)
	return nil
}

// setAt reads a set by its name in an open folder, which lies in root.
func setAt(ctx context.Context, root *beneath, folder int, name string) (*reconcile.Entry, error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(folder, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	at := &beneath{fd: fd, slow: root.slow}
	defer at.close()
	s, err := scan(ctx, at, nil)
	if err != nil {
		return nil, err
	}
	return treeOf(&s.root).Root, nil
}

// isSet says whether a set is what it was: errMeanwhile.
func (f *Folder) isSet(ctx context.Context, folder int, name string, was *reconcile.Entry) error {
	now, err := setAt(ctx, f.at, folder, name)
	if err != nil {
		return err
	}
	if now.Facts.Ino != was.Facts.Ino || now.Facts.Born != was.Facts.Born || !sameBelow(now, was) {
		return errMeanwhile
	}
	return nil
}

func sameBelow(now, was *reconcile.Entry) bool {
	if len(now.Children) != len(was.Children) || now.Unknown {
		return false
	}
	for name, c := range now.Children {
		w := was.Children[name]
		switch {
		case w == nil || c.Kind != w.Kind || c.Unknown:
			return false
		case c.IsFolder():
			if !sameBelow(c, w) {
				return false
			}
		case w.Excluded: // of no kind that is kept
		case c.Facts.Ctime != w.Facts.Ctime && w.Facts.Ctime != 0, c.Facts.Mtime != w.Facts.Mtime, c.Facts.Size != w.Facts.Size, c.Facts.Ino != w.Facts.Ino:
			return false
		}
	}
	return true
}
