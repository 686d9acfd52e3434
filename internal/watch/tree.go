package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// folder is a watched folder.
type folder struct {
	watch    int32
	dev, ino uint64
	name     string
	parent   *folder
	children map[string]*folder
}

func (f *folder) path() string {
	if f.parent == nil {
		return ""
	}
	return f.parent.below(f.name)
}

// below is the path of a name in f.
func (f *folder) below(name string) string {
	if f.parent == nil {
		return name
	}
	return f.path() + "/" + name
}

// fresh is a folder that came to be in another and is not watched yet. Its name means what it says only when all events
// before it were taken: until then something else may stand at the parent's path.
type fresh struct {
	parent *folder
	name   string
}

var errLagging = errors.New("the tree is not yet as the events tell")

// catchUp watches what is fresh. What cannot be reached yet stays in the list.
func (w *Watcher) catchUp() {
	list := w.fresh
	w.fresh = nil
	for _, n := range list {
		if !w.alive(n.parent) {
			continue
		}
		at, err := w.open(n.parent)
		if err != nil {
			w.fresh = append(w.fresh, n)
			continue
		}
		w.enter(at, n.parent, n.name)
		at.Close()
		w.pending.deep[n.parent.below(n.name)] = true
	}
}

// alive tells whether f is still watched.
func (w *Watcher) alive(f *folder) bool { return w.byWatch[f.watch] == f }

// open opens a watched folder for reading, if it is what stands at its path.
func (w *Watcher) open(f *folder) (*os.File, error) {
	d, err := openFolder(unix.AT_FDCWD, filepath.Join(w.root, f.path()))
	if err != nil {
		return nil, err
	}
	dev, ino, err := identity(d)
	if err == nil && (dev != f.dev || ino != f.ino) {
		err = errLagging
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func openFolder(at int, path string) (*os.File, error) {
	for {
		fd, err := unix.Openat(at, path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		return os.NewFile(uintptr(fd), path), nil
	}
}

func identity(d *os.File) (dev, ino uint64, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(d.Fd()), &st); err != nil { // lint:allow a folder is used blocking anyway
		return 0, 0, err
	}
	return st.Dev, st.Ino, nil
}

// enter watches the folder name in f, which is open at at, with all below it. Each folder is watched before it is read, so
// that what is made in it meanwhile is either read or told.
func (w *Watcher) enter(at *os.File, f *folder, name string) {
	c := w.watch(at, f, name)
	if c == nil {
		return
	}
	for todo := []*folder{c}; len(todo) > 0; {
		c := todo[len(todo)-1]
		todo = append(todo[:len(todo)-1], w.readFolder(c)...)
	}
}

// readFolder watches the folders in f, and gives those that are new.
func (w *Watcher) readFolder(f *folder) (entered []*folder) {
	d, err := w.open(f)
	if err != nil {
		return nil // renamed or gone since it was watched, which an event tells; its events are not taken yet
	}
	defer d.Close()
	for {
		list, err := d.ReadDir(1024)
		for _, e := range list {
			if !e.IsDir() {
				continue
			}
			if c := w.watch(d, f, e.Name()); c != nil {
				entered = append(entered, c)
			}
		}
		if err != nil {
			return entered
		}
	}
}

// watch begins to watch the folder name in f, which is open at at. nil: it is not to be watched, cannot be, or is already.
func (w *Watcher) watch(at *os.File, f *folder, name string) *folder {
	path := f.below(name)
	if w.opt.Skip != nil && w.opt.Skip(path) {
		return nil
	}
	d, err := openFolder(int(at.Fd()), name) // lint:allow a folder is used blocking anyway
	var c *folder
	if err == nil {
		c, err = w.watchOpen(d, path)
		d.Close()
	}
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return nil // gone, or no folder, by now
	case err != nil:
		w.unwatched[path] = err
		return nil
	}
	delete(w.unwatched, path)
	old := w.byWatch[c.watch]
	if old != nil && f.children[name] == old {
		return nil
	}
	if gone := f.children[name]; gone != nil {
		w.drop(gone)
	}
	c.name = name
	if old != nil { // it came from elsewhere, which is told later: here its name is the newer one
		w.unlink(old)
		c.children, old.children = old.children, nil
		for _, below := range c.children {
			below.parent = c
		}
	}
	link(f, c)
	w.byWatch[c.watch] = c
	return c
}

// watchOpen watches an open folder: by its descriptor, so that it is this one, whatever its name may be by now.
func (w *Watcher) watchOpen(d *os.File, path string) (*folder, error) {
	dev, ino, err := identity(d)
	if err != nil {
		return nil, err
	}
	watch, err := w.add("/proc/self/fd/"+strconv.Itoa(int(d.Fd())), path) // lint:allow a folder is used blocking anyway
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	return &folder{watch: watch, dev: dev, ino: ino}, nil
}

func (w *Watcher) addWatch(magic, _ string) (int32, error) {
	for {
		watch, err := unix.InotifyAddWatch(w.fd, magic, interest)
		if err != unix.EINTR {
			return int32(watch), err
		}
	}
}

func link(parent, c *folder) {
	if parent.children == nil {
		parent.children = make(map[string]*folder)
	}
	c.parent = parent
	parent.children[c.name] = c
}

// unlink takes f out of its parent.
func (w *Watcher) unlink(f *folder) {
	if f.parent != nil && f.parent.children[f.name] == f {
		delete(f.parent.children, f.name)
	}
}

// drop ends the watches of f and of all below it.
func (w *Watcher) drop(f *folder) {
	w.unlink(f)
	for todo := []*folder{f}; len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, c := range at.children {
			todo = append(todo, c)
		}
		if w.alive(at) {
			delete(w.byWatch, at.watch)
			_, _ = unix.InotifyRmWatch(w.fd, uint32(at.watch)) // gone with its folder, perhaps
		}
	}
}
