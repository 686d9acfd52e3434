package client

import (
	"sync"
	"sync/atomic"
	"time"
)

// bucket limits the bytes a second of all connections together, one way. Without a limit it costs one atomic load.
type bucket struct {
	rate atomic.Int64 // bytes a second; 0: no limit

	mu   sync.Mutex
	free time.Time // when what was taken so far has been paid for
}

// burst is how much may be moved at once after silence, so that a limit is smooth and not a series of gulps.
const burst = 100 * time.Millisecond

// piece is how many of n bytes to move before the next take.
func (b *bucket) piece(n int) int {
	rate := b.rate.Load()
	if rate == 0 {
		return n
	}
	return min(n, max(int(min(rate/10, 1<<20)), 1<<10))
}

// take pays for n bytes that were moved: it sleeps until the rate allows the next, or until stop is closed.
func (b *bucket) take(n int, stop <-chan struct{}) {
	rate := b.rate.Load()
	if rate == 0 || n == 0 {
		return
	}
	now := time.Now()
	b.mu.Lock()
	if earliest := now.Add(-burst); b.free.Before(earliest) {
		b.free = earliest
	}
	b.free = b.free.Add(time.Duration(float64(n) / float64(rate) * float64(time.Second)))
	pause := b.free.Sub(now)
	b.mu.Unlock()
	if pause <= 0 {
		return
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-stop:
	}
}
