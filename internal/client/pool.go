package client

import (
	"context"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pool holds a Remote's connections: opened on demand, the least loaded is chosen.
type pool struct {
	remote *Remote

	mu      sync.Mutex
	conns   []*conn
	opening int
	news    chan struct{} // closed, and made anew, when a connection comes or an opening fails
	closed  bool
	ended   chan struct{} // closed by close
}

// choose gives a connection for one call; the caller calls leave afterwards. A call that waits for news gets a connection
// by itself, beyond the limit if need be, because replies come in order.
func (p *pool) choose(ctx context.Context, waits bool) (*conn, error) {
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return nil, ErrClosed
		}
		best, count := p.best(waits)
		room := count+p.opening < p.remote.opt.Connections || waits
		switch {
		case best != nil && (best.load == 0 || !room):
			best.enter(waits)
			p.mu.Unlock()
			return best, nil
		case room:
			p.opening++
			p.mu.Unlock()
			return p.open(ctx, waits)
		}
		news := p.news
		p.mu.Unlock()
		select {
		case <-news:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// best is the least loaded connection on which no call waits for news, nil if there is none, and how many such there are. One
// that has ended counts no more, though its reader has yet to drop it.
func (p *pool) best(waits bool) (best *conn, count int) {
	for _, c := range p.conns {
		if c.waiting > 0 || !c.usable() {
			continue
		}
		count++
		if waits && c.load > 0 {
			continue
		}
		if best == nil || c.load < best.load {
			best = c
		}
	}
	return best, count
}

// open makes a connection for one call. If that fails and another connection stands, the call goes there.
func (p *pool) open(ctx context.Context, waits bool) (*conn, error) {
	c, err := p.remote.connect(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opening--
	close(p.news)
	p.news = make(chan struct{})
	if err == nil && p.closed {
		c.fail(ErrClosed)
		err = ErrClosed
	}
	if err == nil {
		if c.usable() { // else it has been dropped already, and the call is told why
			p.conns = append(p.conns, c)
		}
	} else if c, _ = p.best(waits); c == nil || ctx.Err() != nil {
		return nil, err
	}
	c.enter(waits)
	return c, nil
}

// enter and leave count the calls that chose a connection.
func (c *conn) enter(waits bool) {
	c.load++
	if waits {
		c.waiting++
	}
}

func (p *pool) leave(c *conn, waits bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.load--
	if waits {
		c.waiting--
	}
}

// drop takes a connection out: it is chosen no more.
func (p *pool) drop(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.conns, c); i >= 0 {
		p.conns = slices.Delete(p.conns, i, i+1)
	}
}

// retire takes all connections out; those with calls on their way end after them.
func (p *pool) retire() {
	p.mu.Lock()
	conns := slices.Clone(p.conns)
	p.mu.Unlock()
	for _, c := range conns {
		c.retire()
	}
}

// admit counts one more user of the Remote, who says running.Done when it is over; false: it is closed.
func (p *pool) admit() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.remote.running.Add(1)
	return true
}

// close ends all connections.
func (p *pool) close() {
	p.mu.Lock()
	first := !p.closed
	p.closed = true
	conns := slices.Clone(p.conns)
	p.mu.Unlock()
	if first {
		close(p.ended)
	}
	for _, c := range conns {
		c.fail(ErrClosed)
	}
}

// connect makes a TCP connection and says hello on it, without waiting for the answer.
func (r *Remote) connect(ctx context.Context) (*conn, error) {
	dialer := net.Dialer{
		Timeout: min(r.opt.Timeout, 15*time.Second),
		Control: func(_, address string, raw syscall.RawConn) error {
			if err := plainAllowed(address, r.opt.Plain); err != nil {
				return err
			}
			if r.opt.Congestion == "" {
				return nil
			}
			var failed error
			if err := raw.Control(func(fd uintptr) {
				failed = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, r.opt.Congestion)
			}); err != nil {
				return err
			}
			if failed != nil {
				return usage("congestion control %q: %v", r.opt.Congestion, failed)
			}
			return nil
		},
	}
	dialing, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-r.pool.ended:
			cancel()
		case <-dialing.Done():
		}
	}()
	socket, err := dialer.DialContext(dialing, "tcp", r.address)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case dialing.Err() != nil:
		return nil, ErrClosed
	default:
		return nil, &lostError{err}
	}
	return newConn(r, socket.(*net.TCPConn))
}
