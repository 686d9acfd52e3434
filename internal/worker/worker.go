package worker

import (
	"errors"
	"io"
	"net/netip"
	"runtime/debug"
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

	outbox   []handoff.Message // what the full channel did not take
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
	w.sendOutbox()
	for range messagesATurn {
		if w.orphan {
			return
		}
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
		default:
			w.entry().WithError(err).Error("the hand-off is broken")
			w.orphaned()
		}
	}
}

// obey carries out a message. It owns fd.
func (w *worker) obey(m handoff.Message, fd int) {
	switch m.Kind {
	case handoff.Socket:
		switch m.Tag {
		case handoff.Native:
			w.set.Take(fd, m.Connection, peerOf(fd))
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

// tell sends a message up, or keeps it until the channel takes it: the parent counts on every Known and Gone.
func (w *worker) tell(m handoff.Message) {
	if w.orphan {
		return
	}
	if len(w.outbox) > 0 {
		if m.Kind != handoff.Beat { // another will come
			w.outbox = append(w.outbox, m)
		}
		return
	}
	switch err := w.channel.Send(m, -1); {
	case err == nil:
	case errors.Is(err, handoff.ErrFull):
		w.outbox = append(w.outbox, m)
		w.want(poll.Read | poll.Write)
	default:
		// The end of the channel is heard by who reads it.
		w.entry().WithError(err).Debug("tell the parent")
	}
}

func (w *worker) sendOutbox() {
	for len(w.outbox) > 0 {
		err := w.channel.Send(w.outbox[0], -1)
		if errors.Is(err, handoff.ErrFull) {
			return
		}
		w.outbox = w.outbox[1:]
		if len(w.outbox) == 0 {
			w.outbox = nil
			w.want(poll.Read)
		}
	}
}

func (w *worker) want(i poll.Interest) {
	if err := w.loop.Want(w.token, i); err != nil {
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

// peerOf is a socket's peer as the log shows it; empty: it is gone already.
func peerOf(fd int) string {
	address, err := unix.Getpeername(fd)
	if err != nil {
		return ""
	}
	switch a := address.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String()
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port)).String()
	}
	return ""
}
