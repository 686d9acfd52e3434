package watch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Options say how a tree is watched.
type Options struct {
	// Skip tells folders, by their path relative to the root, that are not to be watched, with all below them. May be nil.
	Skip func(path string) bool
	// Settle is how long it must have been quiet before changes are told. 0: 200 ms.
	Settle time.Duration
	// Longest is how long changes are kept back when it never gets quiet. 0: 2 s.
	Longest time.Duration
}

// Change says where to look. Paths are relative to the root, "" is the root itself.
type Change struct {
	Dirty []string // folders of which names, or what these stand for, were changed; sorted
	Names []string // files and links that were changed, made or removed, in folders that are not Dirty; sorted
	Deep  []string // folders that are new here: all below them is to be looked at; sorted
	All   bool     // events were lost: everything is to be looked at
}

// Watcher watches a tree. Next and Close may be called by different goroutines, Next by one at a time.
type Watcher struct {
	root string
	opt  Options
	file *os.File // the inotify descriptor
	fd   int      // the same; owned by file

	buf []byte
	add func(magic, path string) (int32, error) // magic: the path in /proc of an open folder

	mu        sync.Mutex // for what follows
	top       *folder
	byWatch   map[int32]*folder
	unwatched map[string]error
	fresh     []fresh
	pending   pending
	moved     map[uint32]*folder // by cookie: taken from one place, not yet seen at another
}

// pending is what was seen since the last Change.
type pending struct {
	dirty       map[*folder]map[string]bool // of which names, that are no folders; nil: any
	deep        map[string]bool
	all         bool
	first, last time.Time
}

// interest is what may change what a scan sees. Files that are unlinked and still written to do not count.
const interest = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_CLOSE_WRITE |
	unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_ONLYDIR | unix.IN_EXCL_UNLINK

// Open watches the folder root, an absolute path, with all below it. What could not be watched is told by Unwatched; only
// a root that cannot be is an error.
func Open(root string, opt Options) (*Watcher, error) {
	if opt.Settle == 0 {
		opt.Settle = 200 * time.Millisecond
	}
	if opt.Longest == 0 {
		opt.Longest = 2 * time.Second
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	w := &Watcher{
		root: root, opt: opt, fd: fd, file: os.NewFile(uintptr(fd), "inotify"),
		byWatch: make(map[int32]*folder), unwatched: make(map[string]error), moved: make(map[uint32]*folder),
		buf: make([]byte, 64<<10),
	}
	w.add = w.addWatch
	w.pending.clear()
	if err := w.begin(); err != nil {
		w.file.Close()
		return nil, err
	}
	return w, nil
}

func (w *Watcher) begin() error {
	d, err := os.Open(w.root)
	if err != nil {
		return err
	}
	defer d.Close()
	if w.top, err = w.watchOpen(d, ""); err != nil {
		return fmt.Errorf("watch %s: %w", w.root, err)
	}
	w.byWatch[w.top.watch] = w.top
	w.all()
	return nil
}

// all watches everything below the root that is not watched yet.
func (w *Watcher) all() {
	for todo := []*folder{w.top}; len(todo) > 0; {
		f := todo[len(todo)-1]
		todo = append(todo[:len(todo)-1], w.readFolder(f)...)
	}
}

// Close ends the watching; a Next under way returns os.ErrClosed.
func (w *Watcher) Close() error { return w.file.Close() }

// Folders is how many folders are watched.
func (w *Watcher) Folders() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.byWatch)
}

// Unwatched lists the folders that are not watched, with all below them, and why. unix.ENOSPC: the user's watches are used
// up, see Limit.
func (w *Watcher) Unwatched() map[string]error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.unwatched)
}

// Unsettled says whether something was seen that Next has not told yet.
func (w *Watcher) Unsettled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.pending.first.IsZero()
}

// Next waits for changes that have settled. It gives ctx's error when that ends first; what was seen is then told by the
// Next that follows.
func (w *Watcher) Next(ctx context.Context) (Change, error) {
	stop := context.AfterFunc(ctx, func() { _ = w.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		if err := ctx.Err(); err != nil {
			return Change{}, err
		}
		if err := w.file.SetReadDeadline(w.due()); err != nil {
			return Change{}, err
		}
		if ctx.Err() != nil { // it ended between the two: its deadline was overwritten
			return Change{}, ctx.Err()
		}
		n, err := w.file.Read(w.buf)
		switch {
		case err == nil:
			w.mu.Lock()
			w.events(w.buf[:n])
			if queued, err := unix.IoctlGetInt(w.fd, unix.TIOCINQ); err != nil || queued == 0 {
				w.catchUp()
			}
			w.mu.Unlock()
		case errors.Is(err, os.ErrDeadlineExceeded):
			if ctx.Err() != nil {
				return Change{}, ctx.Err()
			}
			if c := w.settled(time.Now()); c != nil {
				return *c, nil
			}
		default:
			return Change{}, fmt.Errorf("inotify: %w", err)
		}
	}
}

func (w *Watcher) due() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.until()
}

// until is when what was seen has settled; the zero time, if nothing was.
func (w *Watcher) until() time.Time {
	p := &w.pending
	if p.first.IsZero() {
		return time.Time{}
	}
	quiet, longest := p.last.Add(w.opt.Settle), p.first.Add(w.opt.Longest)
	if longest.Before(quiet) {
		return longest
	}
	return quiet
}

// settled gives what was seen, if it has settled.
func (w *Watcher) settled(now time.Time) *Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &w.pending
	if p.first.IsZero() || now.Before(w.until()) {
		return nil
	}
	for cookie, f := range w.moved { // what has not come up elsewhere by now has left the tree
		w.drop(f)
		delete(w.moved, cookie)
	}
	w.catchUp()
	if len(w.fresh) > 0 { // it does not hang together: begin anew
		w.overflow()
	}
	c := &Change{All: p.all}
	if !p.all {
		w.tell(c)
	}
	p.clear()
	return c
}

func (p *pending) clear() {
	*p = pending{dirty: make(map[*folder]map[string]bool), deep: make(map[string]bool)}
}

// tell says where the folders that were changed are by now. Of those that are gone the folders they were in tell.
func (w *Watcher) tell(c *Change) {
	for f, names := range w.pending.dirty {
		switch {
		case !w.alive(f):
		case names == nil:
			c.Dirty = append(c.Dirty, f.path())
		default:
			for name := range names {
				c.Names = append(c.Names, f.below(name))
			}
		}
	}
	slices.Sort(c.Dirty)
	slices.Sort(c.Names)
	c.Deep = sorted(w.pending.deep)
}

// note says that something was seen.
func (p *pending) note() {
	p.last = time.Now()
	if p.first.IsZero() {
		p.first = p.last
	}
}

func sorted(set map[string]bool) []string {
	list := make([]string, 0, len(set))
	for path := range set {
		list = append(list, path)
	}
	slices.Sort(list)
	return list
}
