package worker

import (
	"sync"
	"time"
)

// jobs runs functions off the loop, in order of arrival, on a bounded number of goroutines that are kept.
type jobs struct {
	mu      sync.Mutex
	wake    sync.Cond
	queue   []func()
	idle    int // goroutines that wait
	all     int
	limit   int
	closing bool
	ended   chan struct{} // closed when closing and the last goroutine has gone
}

func newJobs(limit int) *jobs {
	j := &jobs{limit: limit, ended: make(chan struct{})}
	j.wake.L = &j.mu
	return j
}

// run hands f over. It does not block. f must not panic: nothing above it would know whose it was.
func (j *jobs) run(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queue = append(j.queue, f)
	switch {
	case j.idle >= len(j.queue):
		j.wake.Signal()
	case j.all < j.limit:
		j.all++
		go j.work()
	case j.idle > 0:
		j.wake.Signal()
	}
}

func (j *jobs) work() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for {
		for len(j.queue) == 0 && !j.closing {
			j.idle++
			j.wake.Wait()
			j.idle--
		}
		if len(j.queue) == 0 {
			j.all--
			if j.all == 0 {
				close(j.ended)
			}
			return
		}
		f := j.queue[0]
		j.queue[0] = nil
		j.queue = j.queue[1:]
		j.mu.Unlock()
		f()
		j.mu.Lock()
	}
}

// close lets what is queued run to its end and waits for it within a limit; false: something still runs.
func (j *jobs) close(limit time.Duration) bool {
	j.mu.Lock()
	j.closing = true
	none := j.all == 0
	j.wake.Broadcast()
	j.mu.Unlock()
	if none {
		return true
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-j.ended:
		return true
	case <-timer.C:
		return false
	}
}
