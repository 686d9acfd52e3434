package parent

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/handoff"
	"sluice/internal/stats"
)

// worker is one slot: the process in it now, if any, and its history.
type worker struct {
	slot  int
	stats *stats.Slot

	process   *os.Process // nil: none
	channel   *handoff.Channel
	ready     bool
	startedAt time.Time
	lastBeat  time.Time
	loopTurns uint64

	connections int       // handed over and not reported gone
	full        bool      // its hand-off queue was full
	retryAt     time.Time // while full: no sooner
	unread      bool      // messages were left when its turn ended
	goneAt      time.Time // its channel broke then; zero: it works
	toldToDrain bool
	killed      bool

	starts   uint64        // tries to start a process here
	failures int           // deaths before ready, in a row
	backoff  time.Duration // the wait before the next start
	startAt  time.Time     // with no process: start then; zero: never
}

// takes tells whether w can be handed a connection; room is what its descriptors allow.
func (w *worker) takes(room int) bool {
	return w.ready && !w.full && w.goneAt.IsZero() && !w.killed && w.connections < room
}

// interest is what the parent waits for on w's channel.
func (w *worker) interest(now time.Time) unix.PollFd {
	entry := unix.PollFd{Fd: -1, Events: unix.POLLIN}
	if w.channel == nil || !w.goneAt.IsZero() {
		return entry
	}
	entry.Fd = int32(w.channel.FD())
	if w.full && !now.Before(w.retryAt) {
		entry.Events |= unix.POLLOUT
	}
	return entry
}

// startWorker starts a process in w's slot. What fails counts as a death before ready.
func (s *server) startWorker(w *worker) {
	*w = worker{slot: w.slot, stats: w.stats, starts: w.starts + 1, failures: w.failures}
	now := time.Now()
	w.startedAt, w.lastBeat = now, now
	w.stats.Started.Store(now.UnixNano())
	w.stats.Restarts.Store(w.starts - 1)
	w.stats.BackoffMs.Store(0)
	command, err := s.launch(w)
	if err != nil {
		s.log.WithError(err).WithField("worker", w.slot).Error("cannot start a worker")
		s.startLater(w)
		return
	}
	w.process = command.Process
	w.stats.Pid.Store(int64(command.Process.Pid))
	s.setState(w, stats.Starting)
	go func() {
		err := command.Wait()
		s.wake.post(func() { s.died(w, command, err) })
	}()
}

// launch starts the process. The child gets its end of a new hand-off as fd 3 and the
// lock's open description as fd 4; w.channel is the parent's end.
func (s *server) launch(w *worker) (*exec.Cmd, error) {
	mine, theirs, err := handoff.Pair()
	if err != nil {
		return nil, err
	}
	end := os.NewFile(uintptr(theirs), "hand-off")
	defer end.Close()
	command := s.config.Command(w.slot)
	command.ExtraFiles = []*os.File{end, s.lock}
	ownGroup(command)
	if err := command.Start(); err != nil {
		unix.Close(mine)
		return nil, fmt.Errorf("start worker %d: %w", w.slot, err)
	}
	w.channel = handoff.New(mine)
	return command, nil
}

// ownGroup keeps the terminal's signals from a child: only the parent tells it to stop.
func ownGroup(command *exec.Cmd) {
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	command.SysProcAttr.Setpgid = true
}

// died is called when w's process has ended; err is what Wait returned.
func (s *server) died(w *worker, command *exec.Cmd, err error) {
	s.listenTo(w, unix.POLLIN) // its last words: it may have been ready
	w.channel.Close()
	w.channel = nil
	w.process = nil
	s.table.removeSlot(w.slot)
	w.connections = 0
	w.stats.Pid.Store(0)
	w.stats.Connections.Store(0)
	log := s.log.WithField("worker", w.slot).WithField("pid", command.Process.Pid)
	if s.draining() {
		s.setState(w, stats.Ended)
		if err != nil && !w.killed {
			log.WithError(err).Warn("a worker did not end well")
		}
		return
	}
	s.setState(w, stats.Waiting)
	s.publish()
	s.page.Parent().Deaths.Add(1)
	how := "exit status 0"
	if err != nil {
		how = err.Error()
	}
	log = log.WithField("error", how)
	if w.ready {
		w.failures = 0
		log.Error("a worker died; starting another")
		s.startWorker(w)
		return
	}
	log.Error("a worker died before it was ready")
	s.startLater(w)
}

// startLater counts a death before ready: the first two are followed by another start at
// once, later ones by a growing wait.
func (s *server) startLater(w *worker) {
	w.failures++
	w.backoff = backoff(w.failures)
	w.startAt = time.Now().Add(w.backoff)
	w.stats.BackoffMs.Store(w.backoff.Milliseconds())
	s.setState(w, stats.Waiting)
}

// backoff is the wait after so many deaths before ready in a row.
func backoff(failures int) time.Duration {
	if failures < backoffFrom {
		return 0
	}
	// Shifting further than the most would take could overflow.
	return min(backoffLeast<<min(failures-backoffFrom, 16), backoffMost)
}

// watch does what is due for w and says when to look again; zero: nothing is waited for.
func (s *server) watch(w *worker, now time.Time) time.Time {
	if w.process == nil {
		if w.startAt.IsZero() || s.draining() {
			return time.Time{}
		}
		if now.Before(w.startAt) {
			return w.startAt
		}
		s.startWorker(w)
		return now
	}
	if w.killed {
		return time.Time{}
	}
	if s.draining() {
		return time.Time{} // the drain has its own limit
	}
	if !w.goneAt.IsZero() {
		return s.killAfter(w, now, w.goneAt.Add(s.config.times.gone), "a worker closed its hand-off and did not end; killed")
	}
	if w.unread { // a beat may be among what was not read yet
		return now
	}
	limit, text := s.config.times.beat, "a worker's loop stands still; killed"
	if !w.ready {
		limit, text = s.config.times.start, "a worker was not ready in time; killed"
	}
	due := s.killAfter(w, now, w.lastBeat.Add(limit), text)
	if w.killed && w.ready {
		w.stats.Hung.Add(1)
	}
	if w.full && w.retryAt.After(now) && w.retryAt.Before(due) {
		due = w.retryAt
	}
	return due
}

// killAfter kills w when due has come, and returns due.
func (s *server) killAfter(w *worker, now, due time.Time, text string) time.Time {
	if now.Before(due) {
		return due
	}
	s.log.WithField("worker", w.slot).WithField("pid", w.process.Pid).Error(text)
	s.killWorker(w)
	return due
}

// killWorker ends w's process; its death is reported by died.
func (s *server) killWorker(w *worker) {
	w.killed = true
	// It fails only where the process has ended already.
	_ = w.process.Kill()
}

func (s *server) setState(w *worker, state stats.State) { w.stats.State.Store(uint64(state)) }
