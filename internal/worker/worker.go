package worker

import (
	"errors"
	"io"
	"runtime/debug"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"sluice/internal/conn"
	"sluice/internal/handoff"
	"sluice/internal/poll"
	"sluice/internal/splice"
	"sluice/internal/stats"
	"sluice/internal/web"
)

// worker is the state of a worker process. After turn has begun only the loop touches it.
type worker struct {
	cfg     Config
	log     *logrus.Logger
	channel *handoff.Channel
	token   poll.Token // the channel's
	loop    *poll.Loop
	slot    *stats.Slot
	jobs    *jobs
	pipes   *splice.Pool
	set     *conn.Set
	web     *web.Server

	outbox   []handoff.Message // for the parent, until the turn ends or the channel takes it
	blocked  bool              // the channel is full
	beating  *poll.Timer
	killing  *poll.Timer
	killAt   time.Time
	turns    uint64 // told to the page so far
	draining bool
	killed   bool
	orphan   bool // the parent is gone
}

// turn runs the loop until the worker is drained or killed.
func (w *worker) turn() error {
	w.loop.OnPanic = func(_ poll.Token, p any) {
		w.slot.Panics.Add(1)
		w.entry().WithField("stack", string(debug.Stack())).Errorf("BUG: panic: %v", p)
	}
	token, err := w.loop.Add(w.channel.FD(), poll.Read, w.hear)
	if err != nil {
		return err
	}
	w.token = token
	w.killing = w.loop.Timer(w.kill)
	w.beating = w.loop.Timer(w.beat)
	w.tell(handoff.Message{Kind: handoff.Ready})
	w.beat()
	w.entry().WithField("congestion", w.cfg.Congestion).Debug("ready")
	return w.loop.Run()
}

func (w *worker) entry() *logrus.Entry { return w.log.WithField("worker", w.cfg.Slot) }

// hear takes what the parent has sent.
func (w *worker) hear(poll.Ready) {
	if w.blocked {
		w.sendOutbox()
	}
	for n := 0; n < messagesATurn || w.channel.Fetched(); n++ {
		m, fd, err := w.channel.Recv()
		switch {
		case err == nil:
			w.obey(m, fd)
		case errors.Is(err, handoff.ErrAgain):
			return
		case errors.Is(err, handoff.ErrLost):
			w.entry().WithField("conn", m.Connection).Warn("a connection was lost: too many descriptors are open")
			w.gone(m.Connection)
		case errors.Is(err, io.EOF):
			w.orphaned()
			return
		default:
			w.entry().WithError(err).Error("the hand-off is broken")
			w.orphaned()
			return
		}
		if !w.channel.More() {
			return
		}
	}
}

// obey carries out a message. It owns fd.
func (w *worker) obey(m handoff.Message, fd int) {
	switch m.Kind {
	case handoff.Socket:
		switch m.Tag {
		case handoff.Native:
			peer := ""
			if m.From.IsValid() {
				peer = m.From.String()
			}
			w.set.Take(fd, m.Connection, peer)
		case handoff.Metrics:
			w.web.Take(fd, m.Connection)
		default:
			unix.Close(fd)
			w.entry().WithField("tag", m.Tag).Error("BUG: a connection of a listener that is not known here")
			w.gone(m.Connection)
		}
	case handoff.Drain:
		w.drain(time.Duration(m.Value) * time.Millisecond)
	default:
		if fd >= 0 {
			unix.Close(fd)
		}
		w.entry().WithField("kind", m.Kind).Error("BUG: a message that makes no sense here")
	}
}

// orphaned drains: the end of the hand-off means that the parent is gone.
func (w *worker) orphaned() {
	w.orphan = true
	w.loop.Remove(w.token)
	w.outbox = nil
	w.entry().Warn("the parent is gone")
	w.drain(orphanLimit)
}

// drain lets what is in flight end within a limit; a second drain can only make it shorter.
func (w *worker) drain(limit time.Duration) {
	if limit <= 0 {
		limit = w.cfg.DrainLimit
	}
	if limit <= 0 {
		limit = defaultDrain
	}
	end := w.loop.Now().Add(limit)
	if !w.draining || end.Before(w.killAt) {
		w.killAt = end
		w.killing.Set(end)
	}
	if w.draining {
		return
	}
	w.draining = true
	w.entry().WithField("connections", w.set.Len()).Debug("draining")
	w.set.Drain()
	w.web.Drain()
	w.leaveIfDone()
}

// kill cuts off what the drain has left. What begun requests hold is given back by jobs, which get a moment; then the
// loop ends whatever is out.
func (w *worker) kill() {
	if w.killed {
		w.loop.Stop()
		return
	}
	w.killed = true
	w.entry().WithField("connections", w.set.Len()).Warn("the drain took too long: closing what is left")
	w.killing.Set(w.loop.Now().Add(lastJobs))
	w.set.Kill()
	w.web.Kill()
}

func (w *worker) leaveIfDone() {
	if w.draining && w.set.Len() == 0 && w.web.Len() == 0 {
		w.loop.Stop()
	}
}

// known tells the parent that a connection has logged in: it counts no longer against its address.
func (w *worker) known(connection uint64) {
	w.tell(handoff.Message{Kind: handoff.Known, Connection: connection})
}

// gone tells the parent that a connection is closed.
func (w *worker) gone(connection uint64) {
	w.tell(handoff.Message{Kind: handoff.Gone, Connection: connection})
	w.leaveIfDone()
}

// tell notes a message for the parent, which counts on every Known and Gone. What one turn of the loop has to say goes
// together when it ends: the parent is woken once.
func (w *worker) tell(m handoff.Message) {
	if w.orphan {
		return
	}
	if len(w.outbox) == 0 {
		w.loop.Soon(w.sendOutbox)
	} else if w.blocked && m.Kind == handoff.Beat {
		return // another will come
	}
	w.outbox = append(w.outbox, m)
}

// sendOutbox sends what there is to say, or as much as the channel takes; the rest goes when it takes more.
func (w *worker) sendOutbox() {
	sent, err := w.channel.SendAll(w.outbox)
	switch {
	case err == nil:
	case errors.Is(err, handoff.ErrFull):
		w.outbox = slices.Delete(w.outbox, 0, sent)
		w.block(true)
		return
	default:
		// The end of the channel is heard by who reads it.
		w.entry().WithError(err).Debug("tell the parent")
	}
	if w.outbox = w.outbox[:0]; cap(w.outbox) > outboxKept {
		w.outbox = nil
	}
	w.block(false)
}

// block notes whether the channel is full, and is to tell when it is not.
func (w *worker) block(full bool) {
	if full == w.blocked || w.orphan {
		return
	}
	w.blocked = full
	want := poll.Read
	if full {
		want |= poll.Write
	}
	if err := w.loop.Want(w.token, want); err != nil {
		w.entry().WithError(err).Error("wait for the hand-off")
	}
}

// beat tells the parent that the loop turns, and brings the gauges up to date.
func (w *worker) beat() {
	w.beating.Set(w.loop.Now().Add(beatEvery))
	w.tell(handoff.Message{Kind: handoff.Beat, Value: w.loop.Turns()})
	pipes := w.pipes.Stats()
	w.slot.PipesOpen.Store(int64(pipes.Open))
	w.slot.PipesSmall.Store(int64(pipes.Small))
	w.slot.PipeBytes.Store(pipes.Bytes)
	turns := w.loop.Turns()
	w.slot.Turns.Add(turns - w.turns)
	w.turns = turns
}

// end waits for jobs, web, keeper and watch, then closes. If one of them hangs nothing is closed under it: the process
// ends, and the next life cleans up as after a crash.
func (w *worker) end(kept, watched <-chan struct{}, closeAll func()) {
	if !w.web.Close(lastJobs) {
		w.entry().Warn("a request of the metrics listener is still out: leaving without it")
		return
	}
	if !w.jobs.close(lastJobs) {
		w.entry().Warn("jobs are still out: leaving without them")
		return
	}
	late := time.After(lastJobs)
	for _, ended := range []<-chan struct{}{kept, watched} {
		select {
		case <-ended:
		case <-late:
			w.entry().Warn("the keeper is still at work, or the disk does not answer: leaving without it")
			return
		}
	}
	closeAll()
}
