package splice

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Limits of a pool.
const (
	// least is the smallest size asked for. Below it splice loses against plain calls, and a pool whose budget has less
	// left says ErrNone.
	least = 64 << 10
	// maxIdle bounds the pipes kept for the next transfer. A dozen are active at once on a busy worker; the rest would
	// only take room from the other workers' share.
	maxIdle = 16
)

// ErrNone says that the pool's budget is used up. It is back-pressure, not a failure: copy by plain calls, or wait.
var ErrNone = errors.New("the pipe budget is used up")

// Pool hands out empty pipes within a budget of bytes. Any goroutine may use it.
type Pool struct {
	mu     sync.Mutex
	budget int64
	size   int
	used   int64
	open   int
	small  int
	idle   []*Pipe
}

// PoolStats is what a pool holds at the moment.
type PoolStats struct {
	Open  int   // pipes in being, idle ones included
	Idle  int   // of them, waiting for a transfer
	Small int   // of them, smaller than the size wanted
	Bytes int64 // room in all of them, charged to the budget
}

// NewPool makes a pool of pipes of size bytes each, a power of two of at least 64 KiB, that hold at most budget bytes
// together.
func NewPool(budget int64, size int) *Pool {
	return &Pool{budget: budget, size: max(size, least)}
}

// Get gives an empty pipe to the caller, who gives it back with Put. Its error is ErrNone, or the system's when there
// are no descriptors.
func (p *Pool) Get() (*Pipe, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		q := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		return q, nil
	}
	want := p.size
	for int64(want) > p.budget-p.used {
		want /= 2
	}
	if want < least {
		return nil, ErrNone
	}
	q, err := newPipe(want)
	if err != nil {
		return nil, err
	}
	q.pool = p
	p.open++
	p.used += int64(q.size)
	if q.size < p.size {
		p.small++
	}
	return q, nil
}

// Put takes q back. An empty pipe of full size is kept for the next transfer; one with bytes inside is closed, because
// they belong to somebody, and a small one too, because the next may be larger.
func (p *Pool) Put(q *Pipe) {
	p.mu.Lock()
	if q.n == 0 && q.size >= p.size && len(p.idle) < maxIdle {
		p.idle = append(p.idle, q)
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	q.Close()
}

// Stats tells what the pool holds.
func (p *Pool) Stats() PoolStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return PoolStats{Open: p.open, Idle: len(p.idle), Small: p.small, Bytes: p.used}
}

// Close closes the idle pipes. Those still out are closed when they come back with bytes, else kept as before.
func (p *Pool) Close() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, q := range idle {
		q.Close()
	}
}

// forget takes a closed pipe out of the account.
func (p *Pool) forget(q *Pipe) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	p.used -= int64(q.size)
	if q.size < p.size {
		p.small--
	}
}

// newPipe makes a pipe of want bytes, or of what the user's limit leaves.
func newPipe(want int) (*Pipe, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("create a pipe: %w", err)
	}
	q := &Pipe{r: fds[0], w: fds[1]}
	for ; want >= least; want /= 2 {
		size, err := unix.FcntlInt(uintptr(q.w), unix.F_SETPIPE_SZ, want)
		if err == nil {
			q.size = size
			return q, nil
		}
		// EPERM: the user's pages, or a size above fs.pipe-max-size. Half may still pass.
		if !errors.Is(err, unix.EPERM) {
			break
		}
	}
	size, err := unix.FcntlInt(uintptr(q.w), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		unix.Close(q.r)
		unix.Close(q.w)
		return nil, fmt.Errorf("size of a pipe: %w", err)
	}
	q.size = size
	return q, nil
}
