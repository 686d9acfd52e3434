package store

import (
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

// segment is a pack segment this life appends to. A run is reserved on a 4 KiB border, written, verified, synced and then
// named by rows; from then on it is never touched again.
type segment struct {
	number int64
	fd     int // owned; closed when retired and unused
	turn
	known atomic.Bool // its row is committed

	// Guarded by segments.mu.
	tail    int64 // where the next run begins
	taken   int64 // allocated on disk up to here
	spare   []run // given back before anything of them was named
	users   int
	retired bool // nothing more is reserved in it
}

// run is a range of a segment.
type run struct {
	segment        *segment
	offset, length int64
}

// segments holds the one segment that is being appended to.
type segments struct {
	mu      sync.Mutex
	current *segment
	ended   []int64 // retired and unused, which no row says yet
}

// reserve gives a range for length bytes. The caller releases its segment once.
func (s *Store) reserve(length int64) (run, error) {
	s.segments.mu.Lock()
	defer s.segments.mu.Unlock()
	need := pages(length)
	g := s.segments.current
	if g != nil {
		if r, ok := g.reuse(need); ok {
			g.users++
			return run{g, r, length}, nil
		}
		if g.tail+need > segmentSize {
			s.segments.retire(g)
			g = nil
		}
	}
	if g == nil {
		var err error
		if g, err = s.newSegment(); err != nil {
			return run{}, err
		}
		s.segments.current = g
	}
	if err := g.grow(g.tail + need); err != nil {
		return run{}, err
	}
	r := run{g, g.tail, length}
	g.tail += need
	g.users++
	return r, nil
}

// reuse finds a spare range.
func (g *segment) reuse(need int64) (offset int64, ok bool) {
	for i := range g.spare {
		r := &g.spare[i]
		if r.length < need {
			continue
		}
		offset = r.offset
		r.offset, r.length = r.offset+need, r.length-need
		if r.length == 0 {
			g.spare[i] = g.spare[len(g.spare)-1]
			g.spare = g.spare[:len(g.spare)-1]
		}
		return offset, true
	}
	return 0, false
}

// grow allocates up to end, and ahead in a step that grows with the segment.
func (g *segment) grow(end int64) error {
	if end <= g.taken {
		return nil
	}
	step := min(max(g.tail/2, leastStep), greatestStep)
	ahead := min(max(end, g.taken+step), segmentSize)
	if allocate(g.fd, g.taken, ahead-g.taken) == nil {
		g.taken = ahead
		return nil
	}
	if err := allocate(g.fd, g.taken, end-g.taken); err != nil {
		return err
	}
	g.taken = end
	return nil
}

// newSegment makes a segment's file. Its folder is synced before anything can name it.
func (s *Store) newSegment() (*segment, error) {
	number, err := s.life.number()
	if err != nil {
		return nil, err
	}
	path := s.folder.segment(number)
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, full(fmt.Errorf("make %s: %w", path, err))
	}
	err = s.step("segment made")
	if err == nil {
		err = s.synced("the segments' folder", syncFolder(s.folder.segments()))
	}
	if err != nil {
		unix.Close(fd)
		unix.Unlink(path)
		return nil, err
	}
	return &segment{number: number, fd: fd}, nil
}

// giveBack makes from offset up to end of a segment free again: bytes that failed or were found to be there already, and
// that no row has ever named. Only whole pages can be reused.
func (s *Store) giveBack(g *segment, offset, end int64) {
	offset, end = pages(offset), end&^(page-1)
	if offset >= end {
		return
	}
	s.segments.mu.Lock()
	defer s.segments.mu.Unlock()
	switch {
	case g.tail == end:
		g.tail = offset
	case len(g.spare) < sparesKept:
		g.spare = append(g.spare, run{g, offset, end - offset})
	}
}

// release ends the use of a segment that reserve began.
func (s *Store) release(g *segment) {
	s.segments.mu.Lock()
	defer s.segments.mu.Unlock()
	g.users--
	if g.retired && g.users == 0 {
		s.segments.end(g)
	}
}

// syncSegment makes what was written to a segment durable, together with others who want the same.
func (s *Store) syncSegment(g *segment) error {
	err := g.sync(func() error { return s.syncData(g.fd, "a segment") })
	if err != nil {
		s.spoil(g)
	}
	return err
}

// spoil lets nobody reserve in a segment any more: its sync has failed, or it is to be ended.
func (s *Store) spoil(g *segment) {
	s.segments.mu.Lock()
	defer s.segments.mu.Unlock()
	if s.segments.current == g {
		s.segments.retire(g)
	}
}

// retire is called with mu held, with the current segment.
func (a *segments) retire(g *segment) {
	a.current = nil
	g.retired = true
	if g.users == 0 {
		a.end(g)
	}
}

// end is called with mu held, when nobody can write to g any more.
func (a *segments) end(g *segment) {
	unix.Close(g.fd)
	if g.known.Load() {
		a.ended = append(a.ended, g.number)
	}
}

// leastEnded is how much must have been written to a segment before it is ended early.
const leastEnded = 1 << 20

// endDead ends the segment that is being appended to when most of it is dead, so that the collector can have it: it would
// otherwise wait for the segment to be full.
func (s *Store) endDead() error {
	s.segments.mu.Lock()
	g, tail := s.segments.current, int64(0)
	if g != nil {
		tail = g.tail
	}
	s.segments.mu.Unlock()
	if tail < leastEnded || !g.known.Load() {
		return nil
	}
	var dead int64
	err := s.read(func(tx *db.Tx) (err error) {
		dead, err = tx.DeadIn(g.number)
		return err
	})
	if err == nil && dead > tail/2 {
		s.spoil(g)
	}
	return err
}

// noteEnded tells the collector which segments this life appends to no more.
func (s *Store) noteEnded() error {
	s.segments.mu.Lock()
	ended := s.segments.ended
	s.segments.ended = nil
	s.segments.mu.Unlock()
	if len(ended) == 0 {
		return nil
	}
	err := s.writeAnyway(func(tx *db.Tx) error {
		for _, number := range ended {
			if err := tx.CloseSegment(number); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.segments.mu.Lock()
		s.segments.ended = append(s.segments.ended, ended...)
		s.segments.mu.Unlock()
	}
	return err
}

func (a *segments) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current != nil {
		a.retire(a.current)
	}
}

// pages rounds up to whole pages.
func pages(n int64) int64 { return (n + page - 1) &^ (page - 1) }
