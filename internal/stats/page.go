package stats

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Slots is how many worker processes can be counted at once: two for each of the 64 workers a server can have, because
// one that has been replaced goes on until its last request is done.
const Slots = 128

const (
	magic      = 0x45474150_45434c53 // "SLCEPAGE" as bytes, little end first
	version    = 2
	headerSize = 4096
	slotSize   = 2048
	pageSize   = headerSize + Slots*slotSize
)

// ErrNoPage is returned by Open where there is no page of this version: no
// server of this version has run on the data folder.
var ErrNoPage = errors.New("no counter page of this version")

// header is the first 4 KiB; the paddings keep what many processes write off
// the cache lines that are only read.
type header struct {
	magic   atomic.Uint64
	version atomic.Uint64
	size    atomic.Uint64
	_       [64 - 3*8]byte
	changes atomic.Uint64
	_       [64 - 8]byte
	parent  Parent
	_       [512 - unsafe.Sizeof(Parent{})]byte
	disk    Disk
}

// layout is the whole file.
type layout struct {
	header header
	_      [headerSize - unsafe.Sizeof(header{})]byte
	slots  [Slots]struct {
		slot Slot
		_    [slotSize - unsafe.Sizeof(Slot{})]byte
	}
}

// Page is the mapped file. Its atomics may be used from any goroutine until
// Close; afterwards touching them is a fault.
type Page struct {
	memory []byte
	layout *layout
}

// Create opens the page at path for a new parent, which holds the data folder's
// lock: a page of this version is kept, because a command may have it mapped,
// and everything but the change counter starts at zero; any other file in its
// place is replaced, never truncated (a process that has it mapped would die
// of SIGBUS).
func Create(path string) (*Page, error) {
	p, err := Open(path)
	if err == nil {
		p.clear()
		return p, nil
	}
	if !errors.Is(err, ErrNoPage) {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("replace counter page: %w", err)
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create counter page %s: %w", path, err)
	}
	defer unix.Close(fd)
	// Real blocks, so that a full disk is an error here and not a SIGBUS at the
	// first store; where the file system cannot reserve, a hole must do.
	err = unix.Fallocate(fd, 0, 0, pageSize)
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = unix.Ftruncate(fd, pageSize)
	}
	if err != nil {
		return nil, fmt.Errorf("size counter page %s: %w", path, err)
	}
	p, err = mapPage(fd)
	if err != nil {
		return nil, err
	}
	p.layout.header.version.Store(version)
	p.layout.header.size.Store(pageSize)
	p.layout.header.magic.Store(magic) // last: who sees it sees the rest
	return p, nil
}

// Open maps the page at path. It returns ErrNoPage where there is none, or one
// of another version.
func Open(path string) (*Page, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil, fmt.Errorf("open %s: %w", path, ErrNoPage)
	case err != nil:
		return nil, fmt.Errorf("open counter page %s: %w", path, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("look at counter page %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size != pageSize {
		return nil, fmt.Errorf("open %s: %w", path, ErrNoPage)
	}
	p, err := mapPage(fd)
	if err != nil {
		return nil, err
	}
	h := &p.layout.header
	if h.magic.Load() != magic || h.version.Load() != version || h.size.Load() != pageSize {
		p.Close()
		return nil, fmt.Errorf("open %s: %w", path, ErrNoPage)
	}
	return p, nil
}

// mapPage maps fd, which stays the caller's and may be closed afterwards.
func mapPage(fd int) (*Page, error) {
	memory, err := unix.Mmap(fd, 0, pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map counter page: %w", err)
	}
	return &Page{memory: memory, layout: (*layout)(unsafe.Pointer(&memory[0]))}, nil
}

// Changes is the counter that workers, the keeper and commands raise after every
// commit. It never goes back, also not when a server starts again.
func (p *Page) Changes() *atomic.Uint64 { return &p.layout.header.changes }

// Requests is how many requests all workers have answered.
func (p *Page) Requests() (all uint64) {
	for i := range p.layout.slots {
		all += p.layout.slots[i].slot.Requests.Load()
	}
	return all
}

// Parent returns the parent's own counters.
func (p *Page) Parent() *Parent { return &p.layout.header.parent }

// Disk returns what is known of the data folder's disk.
func (p *Page) Disk() *Disk { return &p.layout.header.disk }

// Slot returns the slot of worker i, 0 <= i < Slots.
func (p *Page) Slot(i int) *Slot { return &p.layout.slots[i].slot }

// clear sets all but the magic and the change counter to zero.
func (p *Page) clear() {
	clear(p.memory[unsafe.Offsetof(p.layout.header.parent):])
}

// Close unmaps the page; no Slot, Parent or Changes of it may be used afterwards.
func (p *Page) Close() error {
	if p.memory == nil {
		return nil
	}
	memory := p.memory
	p.memory, p.layout = nil, nil
	if err := unix.Munmap(memory); err != nil {
		return fmt.Errorf("unmap counter page: %w", err)
	}
	return nil
}
