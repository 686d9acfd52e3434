package client

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sluice/internal/proto"
)

// conn is one connection. Whoever makes a request writes it, one at a time; one goroutine reads the replies, in request
// order, whatever is being written. So it reads while it writes and sees an early reply. It never half-closes.
type conn struct {
	remote *Remote
	tcp    *net.TCPConn
	raw    syscall.RawConn
	slots  chan struct{} // window
	write  chan struct{} // one token: the right to write
	dead   chan struct{} // closed by fail
	hello  chan struct{} // closed when hello was answered
	in     input

	progress atomic.Int64 // ns on the clock of born: when a byte last moved
	born     time.Time
	watcher  *time.Timer

	mu      sync.Mutex
	queue   []*try // written, or being written, not yet answered
	number  uint32
	err     error // set once: why it is dead
	closing bool  // send no more requests

	// guarded by pool.mu
	load    int // calls that chose this connection
	waiting int // of them, those that wait for news
}

var (
	errMoved   = errors.New("the server takes no more requests on this connection")
	errGivenUp = errors.New("given up in the middle of another transfer")
)

// newConn takes ownership of tcp, says hello and does not wait for the answer.
func newConn(r *Remote, tcp *net.TCPConn) (*conn, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		tcp.Close()
		return nil, &lostError{err}
	}
	if !r.pool.admit() {
		tcp.Close()
		return nil, ErrClosed
	}
	c := &conn{
		remote: r,
		tcp:    tcp,
		raw:    raw,
		slots:  make(chan struct{}, window),
		write:  make(chan struct{}, 1),
		dead:   make(chan struct{}),
		hello:  make(chan struct{}),
		born:   time.Now(),
	}
	c.in.conn = c
	c.mu.Lock()
	c.watcher = time.AfterFunc(r.watchEvery(), c.watch)
	c.mu.Unlock()
	go func() {
		defer r.running.Done()
		c.read()
	}()
	call, answer := r.greeting(c)
	c.write <- struct{}{}
	defer func() { <-c.write }()
	if _, err := c.put(context.Background(), call, answer); err != nil {
		return nil, err
	}
	return c, nil
}

// do carries one call over this connection.
func (c *conn) do(ctx context.Context, q *call) (reply, error) {
	if err := c.acquire(ctx, c.slots); err != nil {
		return reply{}, err
	}
	defer func() { <-c.slots }()
	if err := c.acquire(ctx, c.write); err != nil {
		return reply{}, err
	}
	t, err := c.put(ctx, q, nil)
	<-c.write
	if t == nil {
		return reply{}, err
	}
	select {
	case <-t.done:
	case <-ctx.Done():
		// The reply can no longer be told from the next, or would have to be read to nothing: a new connection is cheaper.
		c.fail(&lostError{errGivenUp})
		<-t.done
		return reply{}, ctx.Err()
	}
	if t.err == nil && t.reply.header == nil && !q.lazy {
		if err := q.read(&t.reply); err != nil {
			c.fail(err)
			return reply{}, err
		}
	}
	return t.reply, t.err
}

func (c *conn) acquire(ctx context.Context, token chan struct{}) error {
	select {
	case token <- struct{}{}:
		return nil
	case <-c.dead:
		return c.cause()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// put queues a call and writes it. The caller has the right to write. Without a try nothing was sent; with one the try's
// own end tells what became of it.
func (c *conn) put(ctx context.Context, q *call, answer func(proto.Header) error) (*try, error) {
	c.mu.Lock()
	if c.err != nil || c.closing {
		err := c.err
		c.mu.Unlock()
		if err == nil {
			err = &lostError{errMoved}
		}
		return nil, err
	}
	c.number++
	t := &try{call: q, prelude: q.seal(c.number), answer: answer, done: make(chan struct{})}
	if len(c.queue) == 0 {
		c.touch()
	}
	c.queue = append(c.queue, t)
	c.mu.Unlock()

	err := c.send(ctx, q)

	c.mu.Lock()
	t.sent = true
	early := t.early
	c.mu.Unlock()
	switch {
	case err == nil && early:
		// The last byte was out already, so the connection is whole.
		err = c.tcp.SetWriteDeadline(time.Time{})
		if err != nil {
			c.fail(&lostError{err})
		}
	case err == nil:
	case early:
		// The body was cut short: the server lingers and closes, and so does this end.
		c.fail(&lostError{errMoved})
	case ctx.Err() != nil:
		c.fail(&lostError{errGivenUp})
	case isLocal(err):
		c.fail(c.blame(t, err))
	default:
		c.hearOut()
	}
	return t, nil
}

// isLocal tells failures of one call from those of the connection.
func isLocal(err error) bool {
	var local *localError
	return errors.As(err, &local) || errors.Is(err, ErrIntegrity)
}

// blame makes err the end of this call alone, and gives the reason for which all others lose their connection.
func (c *conn) blame(t *try, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.own = err
	return &lostError{errGivenUp}
}

// hearOut: writing failed, so the server has closed the connection. The reason may have arrived before that: what there is
// to read is read, and then the reading goroutine ends the connection.
func (c *conn) hearOut() {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	c.remote.pool.drop(c)
	if err := c.tcp.SetReadDeadline(time.Now().Add(lastWords)); err != nil {
		c.fail(&lostError{err})
	}
}

// fail ends the connection. The first reason counts. Closing the socket wakes whoever reads or writes; the reading
// goroutine then ends all calls, because only it knows that no sink is in use.
func (c *conn) fail(err error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		c.err = err
	}
	c.mu.Unlock()
	if first {
		c.watcher.Stop()
		close(c.dead)
		c.tcp.Close()
	}
}

func (c *conn) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// usable tells whether a call may still be put on this connection.
func (c *conn) usable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == nil && !c.closing
}

// retire lets the calls that are on their way end, and takes no more.
func (c *conn) retire() {
	c.mu.Lock()
	c.closing = true
	idle := len(c.queue) == 0
	c.mu.Unlock()
	c.remote.pool.drop(c)
	if idle {
		c.fail(&lostError{errMoved})
	}
}

// touch notes that something moved.
func (c *conn) touch() { c.progress.Store(int64(time.Since(c.born))) }

// watch runs on a timer: it ends a connection that owes a reply and moves no byte, and pings an idle one.
func (c *conn) watch() {
	quiet := time.Since(c.born) - time.Duration(c.progress.Load())
	c.mu.Lock()
	awaited := len(c.queue) > 0
	limit := c.remote.opt.Timeout
	if awaited {
		limit += c.queue[0].waits
	}
	dead := c.err != nil
	watcher := c.watcher
	c.mu.Unlock()
	switch {
	case dead:
		return
	case awaited && quiet > limit:
		c.fail(&lostError{ErrTimeout})
		return
	case !awaited && quiet > pingAfter:
		if c.remote.pool.admit() {
			go func() {
				defer c.remote.running.Done()
				c.do(context.Background(), newCall(proto.TypePing, &proto.Ping{}))
			}()
		}
	}
	watcher.Reset(c.remote.watchEvery())
}
