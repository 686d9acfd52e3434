package worker

import (
	"sync/atomic"
	"testing"
	"time"
)

func TestJobs(t *testing.T) {
	const limit = 4
	j := newJobs(limit)
	var done, at, most atomic.Int64
	hold := make(chan struct{})
	for range 100 {
		j.run(func() {
			for n := at.Add(1); ; {
				m := most.Load()
				if n <= m || most.CompareAndSwap(m, n) {
					break
				}
			}
			<-hold
			at.Add(-1)
			done.Add(1)
		})
	}
	if j.close(10 * time.Millisecond) {
		t.Fatal("closed with jobs out")
	}
	close(hold)
	if !j.close(5 * time.Second) {
		t.Fatal("not closed")
	}
	if done.Load() != 100 || most.Load() != limit {
		t.Fatalf("%d done, %d at once", done.Load(), most.Load())
	}
}

// One goroutine that is idle takes the next job; no more are made than are needed.
func TestJobsReuse(t *testing.T) {
	j := newJobs(8)
	for range 50 {
		ready := make(chan struct{})
		j.run(func() { close(ready) })
		<-ready
		for { // it is idle again
			j.mu.Lock()
			idle := j.idle
			j.mu.Unlock()
			if idle > 0 {
				break
			}
			time.Sleep(time.Microsecond)
		}
	}
	if j.all != 1 {
		t.Fatalf("%d goroutines", j.all)
	}
	if !j.close(time.Second) || !newJobs(1).close(time.Second) {
		t.Fatal("not closed")
	}
}
