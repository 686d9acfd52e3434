package conn

import (
	"errors"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"sluice/internal/proto"
	"sluice/internal/stats"
)

// log is an entry that names the connection. It costs allocations: only failures and debug lines use it.
func (c *Conn) log() *logrus.Entry {
	return c.set.cfg.Log.WithFields(logrus.Fields{
		"worker": c.set.cfg.Worker, "conn": c.id, "address": c.peer.Address,
	})
}

func (c *Conn) logOf(r *request) *logrus.Entry {
	e := c.log()
	if r == nil {
		return e
	}
	name := "unknown"
	if r.types != nil {
		name = r.types.Name
	}
	return e.WithFields(logrus.Fields{
		"request": r.prelude.Number, "type": name, "in": r.in, "out": r.passed, "took": time.Since(r.started),
	})
}

// logSent writes the line of an answered request: at debug, and where something of ours or of our surroundings is behind
// the answer, above.
func (c *Conn) logSent(r *request) {
	e := c.logOf(r).WithField("state", c.state.String())
	if r.reply.Err != nil {
		e = e.WithField("code", r.reply.Err.Code.String())
	}
	switch {
	case r.reply.Cause == nil:
		e.Debug("answered")
	case r.reply.Err != nil && (r.reply.Err.Code == proto.NoSpace || r.reply.Err.Code == proto.ReadOnly):
		e.WithError(r.reply.Cause).Warn("answered with an error")
	default:
		e.WithError(r.reply.Cause).Error("answered with an error")
	}
}

// logFailure writes the line of a failure that ended a request or the connection.
func (c *Conn) logFailure(err error) {
	var f *refusal
	ends := !errors.As(err, &f)
	if ends && !c.set.debug {
		return // most connections end so, and the line costs 2 us
	}
	e := c.logOf(c.front).WithField("state", c.state.String()).WithError(err)
	switch {
	case ends:
		e.Debug("connection lost")
	case f.cause == nil:
		e.Info("refused")
	case errors.Is(f.cause, unix.ENOSPC), errors.Is(f.cause, unix.EDQUOT):
		e.Warn("request failed")
	default:
		e.Error("request failed")
	}
}

// violated counts a peer that broke the rules of the wire and says where from.
func (c *Conn) violated(kind stats.Kind, f *refusal) {
	c.set.cfg.Slot.Violations.Add(1)
	c.set.cfg.Slot.ByKind[kind].Add(1)
	e := c.logOf(c.front).WithField("kind", stats.Kinds[kind])
	if f != nil {
		e = e.WithError(f).WithField("code", f.answer.Code.String())
	}
	e.Info("violation")
}
