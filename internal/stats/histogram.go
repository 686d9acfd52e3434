package stats

import (
	"sync/atomic"
	"time"
)

// Bounds are the upper ends of a histogram's buckets; one more holds what takes longer. Three to a decade tell a
// cached answer, a disk's sync and a stuck request apart.
var Bounds = [...]time.Duration{
	100 * time.Microsecond, 300 * time.Microsecond,
	time.Millisecond, 3 * time.Millisecond, 10 * time.Millisecond, 30 * time.Millisecond,
	100 * time.Millisecond, 300 * time.Millisecond,
	time.Second, 3 * time.Second, 10 * time.Second, 30 * time.Second,
}

// Histogram counts durations.
type Histogram struct {
	buckets [len(Bounds) + 1]atomic.Uint64
	sum     atomic.Uint64 // ns
}

// Observe counts one. It costs two atomic additions on a line that only this worker writes.
func (h *Histogram) Observe(d time.Duration) {
	i := 0
	for i < len(Bounds) && d > Bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(uint64(max(0, d)))
}

// Read gives how many took up to each bound, how many there were in all, and their sum.
func (h *Histogram) Read() (upTo [len(Bounds)]uint64, count uint64, sum time.Duration) {
	for i := range upTo {
		count += h.buckets[i].Load()
		upTo[i] = count
	}
	count += h.buckets[len(Bounds)].Load()
	return upTo, count, time.Duration(h.sum.Load())
}
