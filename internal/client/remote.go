package client

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"sluice/internal/proto"
	"sluice/internal/splice"
)

// Remote is one server seen by one device. All methods may be called by any goroutine.
type Remote struct {
	opt      Options
	address  string // host:port
	pool     pool
	pipes    *splice.Pool
	up, down bucket
	proofs   *proofs
	running  sync.WaitGroup // calls, and the goroutines of connections

	mu    sync.Mutex
	token string
	hello HelloReply // the latest answer
}

// Dial connects, says hello and waits for the answer: who one is, or an Error. The caller closes the Remote.
func Dial(ctx context.Context, opt Options) (*Remote, error) {
	address, err := ParseAddress(opt.Address)
	if err != nil {
		return nil, err
	}
	opt = opt.withDefaults()
	r := &Remote{
		opt:     opt,
		address: address,
		token:   opt.Token,
		// Two for each connection: one that is being filled from it and one that is flushed into it.
		pipes:  splice.NewPool(int64(opt.Connections)*2*pipeSize, pipeSize),
		proofs: newProofs(),
	}
	r.pool.remote = r
	r.pool.news = make(chan struct{})
	r.pool.ended = make(chan struct{})
	r.SetLimitRate(opt.LimitRate)
	if err := r.retry(ctx, min(opt.Retries, dialRetries), r.greet); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Close ends all connections and calls, and waits until nothing of them is left.
func (r *Remote) Close() error {
	r.pool.close()
	r.running.Wait()
	r.pipes.Close()
	return nil
}

// Hello is what the server said last of who one is.
func (r *Remote) Hello() HelloReply {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hello
}

// Token is the device token in use; Login changes it.
func (r *Remote) Token() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.token
}

// Connections is how many connections may be open at once.
func (r *Remote) Connections() int { return r.opt.Connections }

// SetLimitRate changes the limit in bytes a second, each way, of all connections together; 0: none.
func (r *Remote) SetLimitRate(bytesPerSecond int64) {
	r.up.rate.Store(max(bytesPerSecond, 0))
	r.down.rate.Store(max(bytesPerSecond, 0))
}

// watchEvery is how often a connection looks whether it still moves.
func (r *Remote) watchEvery() time.Duration { return min(r.opt.Timeout, pingAfter) / 4 }

// do carries a call, on as many connections after one another as it takes. The caller has its body and sink back when
// do returns.
func (r *Remote) do(ctx context.Context, q *call) (reply, error) {
	var got reply
	var busy error
	err := r.retry(ctx, r.opt.Retries, func(ctx context.Context) error {
		c, err := r.pool.choose(ctx, q.waits > 0)
		if err != nil {
			return err
		}
		defer r.pool.leave(c, q.waits > 0)
		got, err = c.do(ctx, q)
		if q.hasty && CodeOf(err) == proto.Busy {
			busy = err
			return nil
		}
		return err
	})
	if err == nil {
		err = busy
	}
	return got, err
}

// retry repeats try after temporary failures, at most so many times, with a growing pause.
func (r *Remote) retry(ctx context.Context, retries int, try func(context.Context) error) error {
	if !r.pool.admit() {
		return ErrClosed
	}
	defer r.running.Done()
	slow := 0
	for attempt := 1; ; attempt++ {
		err := ctx.Err()
		if err == nil {
			err = try(ctx)
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		pause, again := temporary(err)
		if isTimeout(err) {
			slow++
		}
		if !again || attempt > retries || slow > slowRetries {
			return err
		}
		timer := time.NewTimer(max(pause, backoff(attempt)))
		select {
		case <-timer.C:
		case <-ctx.Done():
		case <-r.pool.ended:
		}
		timer.Stop()
	}
}

// greet makes sure that a connection stands whose hello was answered.
func (r *Remote) greet(ctx context.Context) error {
	c, err := r.pool.choose(ctx, false)
	if err != nil {
		return err
	}
	defer r.pool.leave(c, false)
	select {
	case <-c.hello:
		return nil
	case <-c.dead:
		return c.cause()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// greeting is the hello of a new connection, and what is done with its answer.
func (r *Remote) greeting(c *conn) (*call, func(proto.Header) error) {
	token := r.Token()
	q := newCall(proto.TypeHello, &proto.Hello{Versions: []uint8{proto.Version}, Token: token, Agent: r.opt.Agent})
	return q, func(header proto.Header) error {
		answer := header.(*proto.HelloReply)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.hello.Server != "" && r.hello.Server != answer.Server {
			return ErrOtherServer
		}
		if token == r.token { // else a log-in has overtaken it
			r.hello = *answer
		}
		close(c.hello)
		return nil
	}
}

// NewKey marks a changing request, and its repetitions.
func NewKey() (key Key) {
	rand.Read(key[:]) // never fails
	return key
}
