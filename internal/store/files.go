package store

import (
	"container/list"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// files keeps descriptors of published files open, counted, the least used ones closed beyond filesKept. Published
// content never changes, so a descriptor may be read through for as long as anybody likes, even when its file is unlinked.
type files struct {
	mu     sync.Mutex
	open   map[fileKey]*list.Element
	recent list.List // of *opened, the latest first
	closed bool
}

// fileKey names a file: a segment, or a content's own.
type fileKey struct {
	number  int64
	segment bool
}

// opened is a descriptor with its users. Its fields are guarded by files.mu; fd never changes.
type opened struct {
	key   fileKey
	fd    int // owned
	users int
	kept  bool // by the cache
}

// get gives a kept descriptor, one user more; nil: there is none.
func (a *files) get(key fileKey) *opened {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.open[key]
	if e == nil {
		return nil
	}
	a.recent.MoveToFront(e)
	o := e.Value.(*opened)
	o.users++
	return o
}

// add keeps fd, which it takes ownership of, and gives it with one user.
func (a *files) add(key fileKey, fd int) *opened {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.open[key]; e != nil { // opened twice at once
		unix.Close(fd)
		o := e.Value.(*opened)
		o.users++
		return o
	}
	o := &opened{key: key, fd: fd, users: 1}
	if a.closed {
		return o
	}
	if a.open == nil {
		a.open = make(map[fileKey]*list.Element)
	}
	if a.recent.Len() >= filesKept {
		a.drop(a.recent.Back())
	}
	o.kept = true
	a.open[key] = a.recent.PushFront(o)
	return o
}

// put ends one use.
func (a *files) put(o *opened) {
	a.mu.Lock()
	defer a.mu.Unlock()
	o.users--
	if o.users == 0 && !o.kept {
		unix.Close(o.fd)
	}
}

// drop forgets a descriptor; its last user closes it. Called with mu held.
func (a *files) drop(e *list.Element) {
	o := a.recent.Remove(e).(*opened)
	delete(a.open, o.key)
	o.kept = false
	if o.users == 0 {
		unix.Close(o.fd)
	}
}

// dropRemoved closes descriptors of files that were removed and that nobody reads: each keeps the file's room on disk.
func (a *files) dropRemoved() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for e := a.recent.Front(); e != nil; {
		next := e.Next()
		var st unix.Stat_t
		if unix.Fstat(e.Value.(*opened).fd, &st) == nil && st.Nlink == 0 {
			a.drop(e)
		}
		e = next
	}
}

func (a *files) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for a.recent.Len() > 0 {
		a.drop(a.recent.Back())
	}
}

// File is a content opened for reading. Release is called exactly once.
type File struct {
	s    *Store
	o    *opened // nil: an empty content has no file
	base int64
	size int64
}

// FD is the descriptor to read from, at offsets from Base on; it belongs to the store. -1: the content is empty.
func (f *File) FD() int {
	if f.o == nil {
		return -1
	}
	return f.o.fd
}

// Base is the content's first byte in the file.
func (f *File) Base() int64 { return f.base }

// Release ends the use of the descriptor.
func (f *File) Release() {
	if f.o != nil {
		f.s.files.put(f.o)
	}
}

// ReadAt reads all of b at an offset of the content: io.ErrUnexpectedEOF past its end.
func (f *File) ReadAt(b []byte, offset int64) error {
	if offset < 0 || offset > f.size || int64(len(b)) > f.size-offset {
		return io.ErrUnexpectedEOF
	}
	if len(b) == 0 {
		return nil
	}
	return readAt(f.o.fd, b, f.base+offset)
}

// openFile opens a published file: ErrNotFound if it is gone.
func (s *Store) openFile(key fileKey) (*opened, error) {
	if o := s.files.get(key); o != nil {
		return o, nil
	}
	path := s.folder.object(key.number)
	if key.segment {
		path = s.folder.segment(key.number)
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, path)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return s.files.add(key, fd), nil
}
