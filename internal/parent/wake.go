package parent

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// wake carries functions from other goroutines to the one that owns the server.
type wake struct {
	fd    int // an eventfd, readable while something waits
	mutex sync.Mutex
	queue []func()
}

func newWake() (*wake, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an eventfd: %w", err)
	}
	return &wake{fd: fd}, nil
}

// post queues f; after close it is dropped.
func (w *wake) post(f func()) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.fd < 0 {
		return
	}
	if len(w.queue) == 0 {
		// It can only fail when the counter is full, and then it is readable as well.
		_, _ = unix.Write(w.fd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
	w.queue = append(w.queue, f)
}

// take empties the queue.
func (w *wake) take() []func() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	var counter [8]byte
	_, _ = unix.Read(w.fd, counter[:]) // EAGAIN: nothing was posted
	queue := w.queue
	w.queue = nil
	return queue
}

func (w *wake) close() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	unix.Close(w.fd)
	w.fd = -1
}
