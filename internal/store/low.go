package store

import (
	"fmt"
	"sync"
	"time"
)

// lowShare bounds the watermark on a small disk: never more than one part in so many of it is kept free.
const lowShare = 20

// freeKept is how long a look at the disk is good for: what it found free is handed out meanwhile, and not a byte more.
const freeKept = time.Second

// freeSpace is what the disk had free a moment ago, less what uploads were promised of it since. It only ever says yes:
// where it would say no the disk is asked again, so that space which came back is found at once.
type freeSpace struct {
	mu   sync.Mutex
	at   time.Time
	left int64 // may still be promised
}

// take promises bytes out of what was found before; false: look at the disk.
func (f *freeSpace) take(bytes int64, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.at) >= freeKept || f.left < bytes {
		return false
	}
	f.left -= bytes
	return true
}

func (f *freeSpace) set(left int64, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.at = left, now
}

// errSpent is the answer while a reserve is empty.
var errSpent = fmt.Errorf("%w: the disk was full, and there is not much room yet", ErrSpace)

// mayCommit refuses a commit that makes names when the disk has no room but a reserve's size. It is further than uploads may
// go: what was uploaded before the low-space mark was reached gets its name.
func (s *Store) mayCommit() error {
	if s.reserveSpent() {
		return errSpent
	}
	now := time.Now()
	if s.free.take(0, now) { // above the mark
		return nil
	}
	d, err := s.disk()
	if err == nil && d.free < d.reserve {
		return fmt.Errorf("%w: %d bytes free", ErrSpace, d.free)
	}
	return err
}

// mayUpload refuses at once what the disk has no room for without going below the low-space mark.
func (s *Store) mayUpload(bytes int64) error {
	if s.reserveSpent() {
		return errSpent
	}
	now := time.Now()
	if s.free.take(bytes, now) {
		return nil
	}
	d, err := s.disk()
	if err != nil {
		return err
	}
	kept := s.keptFree(d)
	if d.free-kept < bytes {
		return fmt.Errorf("%w: it keeps %d MiB of its disk free", ErrLowSpace, (kept+1<<20-1)>>20)
	}
	s.free.set(d.free-kept-bytes, now)
	return nil
}

// keptFree is the low-space mark: what the administrator wants free, but no more than a 20th of the disk, and never less
// than a reserve's size, which the keeper needs to make the reserve whole again.
func (s *Store) keptFree(d disk) int64 {
	return max(min(s.config.Policy.LowSpace, d.size/lowShare), d.reserve)
}

// lowSpace tells whether uploads are being refused for want of space: what may be removed before its time is then.
func (s *Store) lowSpace() bool {
	if s.reserveSpent() {
		return true
	}
	d, err := s.disk()
	return err == nil && d.free < s.keptFree(d)
}
