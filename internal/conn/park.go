package conn

import "sluice/internal/handler"

// stepPark waits, without a job and without reading, until there may be something to tell.
func (c *Conn) stepPark() (state, error) {
	r := c.front
	now := c.set.loop.Now()
	switch {
	case c.hung:
		return closed, nil
	case !r.park.Deaf && c.set.cfg.Changes() != r.park.Seen:
		r.reason = handler.News
	case !r.park.Deaf && c.set.draining:
		r.reason = handler.Drain
	case !now.Before(r.park.Until):
		r.reason = handler.Limit
	case r.park.Deaf:
		return 0, errWait
	default:
		c.set.parked[c] = struct{}{}
		if len(c.set.parked) == 1 {
			c.set.notice.Set(now.Add(c.set.limits.Notice))
		}
		c.set.cfg.Slot.Parked.Store(int64(len(c.set.parked)))
		return 0, errWait
	}
	c.unpark()
	r.deadline = now.Add(r.types.Deadline)
	return resume, nil
}

func (c *Conn) unpark() {
	delete(c.set.parked, c)
	c.set.cfg.Slot.Parked.Store(int64(len(c.set.parked)))
}

// stepResume lets the handler look again, with access checked again.
func (c *Conn) stepResume() (state, error) {
	o, err := c.off(c.front, (*request).workResume)
	if err != nil {
		return 0, err
	}
	return c.obey(o)
}

func (r *request) workResume() handler.Outcome {
	return r.row.Resume(r.conn.set.cfg.Service, &r.call, r.reason)
}
