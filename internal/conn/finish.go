package conn

import (
	"sluice/internal/handler"
)

// stepFinish lets the handler verify, sync and commit what has come. A request that may be behind leaves the front to
// the next one meanwhile.
func (c *Conn) stepFinish() (state, error) {
	r := c.front
	if r.writing {
		return 0, errWait
	}
	if r.owed {
		if c.behind != nil {
			return c.turn(finish)
		}
		r.owed = false // finish takes over what begin took
		r.deadline = r.deadline.Add(c.set.loop.Now().Sub(r.bodyAt))
		if r.receive.Behind && len(c.late) < maxLate {
			c.front, c.behind = nil, r
			c.launch(r, (*request).workFinish)
			return readPrelude, nil
		}
	}
	o, err := c.off(r, (*request).workFinish)
	if err != nil {
		return 0, err
	}
	return c.obey(o)
}

func (r *request) workFinish() handler.Outcome {
	return r.row.Finish(r.conn.set.cfg.Service, &r.call)
}

// stepAbort gives back what begin took, then goes on to the error that made it necessary.
func (c *Conn) stepAbort() (state, error) {
	r := c.front
	if r.writing {
		return 0, errWait
	}
	if r.owed {
		r.owed = false
		if r.row.Abort == nil {
			return c.answer(r.reply)
		}
	}
	if _, err := c.off(r, (*request).workAbort); err != nil {
		return 0, err
	}
	return c.answer(r.reply)
}

func (r *request) workAbort() handler.Outcome {
	r.row.Abort(r.conn.set.cfg.Service, &r.call)
	return nil
}
