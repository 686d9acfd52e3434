package conn

import (
	"time"

	"sluice/internal/proto"
)

var timeZero time.Time

// arm sets the connection's one timer for a wait under the given limit. Moving it to later costs nothing.
func (c *Conn) arm(l limit) {
	now := c.set.loop.Now()
	switch l {
	case idleLimit:
		switch {
		case c.have > 0:
			c.timer.Set(c.began.Add(c.set.limits.Header))
		case c.known:
			c.timer.Set(now.Add(c.set.limits.Idle))
		default:
			c.timer.Set(now.Add(c.set.limits.IdleBefore))
		}
	case headerLimit:
		c.timer.Set(c.began.Add(c.set.limits.Header))
	case rateLimit:
		r := c.front
		if r.rateEnd.IsZero() {
			r.rateEnd, r.rateFrom = now.Add(c.set.limits.RateWindow), r.moved
		}
		c.timer.Set(r.rateEnd)
	case parkLimit:
		c.timer.Set(c.front.park.Until)
	case lingerLimit:
		c.timer.Set(c.began.Add(c.set.limits.Linger))
	}
}

// due is called by the timer. It may come late or in another state than it was set for: what counts is where the
// connection stands now.
func (c *Conn) due() {
	defer c.rescue()
	now := c.set.loop.Now()
	switch table[c.state].limit {
	case unlimited:
		return // the next wait that has a limit sets the timer
	case idleLimit:
		switch {
		case c.have > 0:
			c.fault = errHeaderLate
		case c.behind == nil: // else it is not idle
			c.fault = errIdle
		}
	case headerLimit:
		c.fault = errHeaderLate
	case rateLimit:
		r := c.front
		least := int64(float64(c.set.limits.LeastRate) * c.set.limits.RateWindow.Seconds())
		if now.Before(r.rateEnd) || r.moved-r.rateFrom >= least {
			if !now.Before(r.rateEnd) {
				r.rateEnd = timeZero
			}
			c.arm(rateLimit)
			return
		}
		c.fault = errSlow
	case lingerLimit:
		c.drop()
		return
	}
	c.advance()
}

// What limits say when they pass.
var (
	errIdle       = &refusal{quiet: true}
	errGoodbye    = &refusal{quiet: true}
	errHeaderLate = &refusal{answer: proto.Errorf(proto.Timeout, "the header did not come in time"), fatal: true, violation: true}
	errSlow       = &refusal{answer: proto.Errorf(proto.TooSlow, "too slow"), fatal: true}
)
