package conn

import (
	"context"
	"fmt"
	"runtime"

	"sluice/internal/handler"
)

// off runs work off the loop. It returns errWait until the result is there, and then the result, once.
func (c *Conn) off(r *request, work func(*request) handler.Outcome) (handler.Outcome, error) {
	if r.back {
		o := r.result
		r.back, r.result = false, nil
		return o, nil
	}
	if !r.out {
		c.launch(r, work)
	}
	return nil, errWait
}

// launch sends r into a job. It belongs to the job until comeBack.
func (c *Conn) launch(r *request, work func(*request) handler.Outcome) {
	r.out, r.outAt = true, c.set.loop.Now()
	s := c.set
	s.cfg.Slot.Jobs.Add(1)
	s.cfg.Jobs(func() {
		o := r.guarded(work)
		s.loop.Post(func() { c.comeBack(r, o) })
	})
}

// comeBack takes r back on the loop.
func (c *Conn) comeBack(r *request, o handler.Outcome) {
	defer c.rescue()
	c.set.cfg.Slot.Jobs.Add(-1)
	r.out, r.back, r.result = false, true, o
	if !r.rateEnd.IsZero() {
		r.rateEnd = r.rateEnd.Add(c.set.loop.Now().Sub(r.outAt)) // what was waited for was not the peer
	}
	switch {
	case c.state == closed:
		c.release()
		return
	case r == c.behind:
		c.settle(r)
	}
	c.set.run(c)
}

// guarded runs work under the request's deadline. A panic in it becomes an error and ends the connection after it.
func (r *request) guarded(work func(*request) handler.Outcome) (o handler.Outcome) {
	s := r.conn.set
	ctx, cancel := context.WithDeadline(s.context, r.deadline)
	defer cancel()
	r.call.Context = ctx
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		stack := make([]byte, 8<<10)
		stack = stack[:runtime.Stack(stack, false)]
		s.cfg.Slot.Panics.Add(1)
		r.err = fmt.Errorf("BUG: panic: %v\n%s", p, stack) // for jobs that have no outcome
		o = handler.Reply{Err: internal(), Cause: r.err, Close: true}
	}()
	return work(r)
}
