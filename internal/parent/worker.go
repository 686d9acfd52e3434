package parent

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/handoff"
	"sluice/internal/stats"
)

// worker is one place for a worker: the process in it now, if any, and its history. Its
// slot is its own for as long as a process is there.
type worker struct {
	slot  int
	stats *stats.Slot

	command    func(slot int) *exec.Cmd
	generation uint64 // of the configuration command was made from

	process   *os.Process // nil: none
	channel   *handoff.Channel
	ready     bool
	startedAt time.Time
	lastBeat  time.Time
	loopTurns uint64

	given       []arrival // to be handed over before this turn ends
	connections int       // handed over and not reported gone
	full        bool      // its hand-off queue was full
	retryAt     time.Time // while full: no sooner
	unread      bool      // messages were left when its turn ended
	goneAt      time.Time // its channel broke then; zero: it works
	retiring    bool      // it has been replaced, and finishes what it has
	killAt      time.Time // it was told to drain and has so long; zero: it was not
	toldToDrain bool
	killed      bool

	starts   uint64        // tries to start a process here
	failures int           // deaths before ready, in a row
	backoff  time.Duration // the wait before the next start
	startAt  time.Time     // with no process: start then; zero: never
}

// takes tells whether w can be handed a connection; room is what its descriptors allow.
func (w *worker) takes(room int) bool {
	return w.ready && !w.full && !w.retiring && w.goneAt.IsZero() && !w.killed && w.connections < room
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

// place makes a place for a worker of the configuration that holds; nil: all slots are
// taken, by workers that have been replaced and are not done.
func (s *server) place() *worker {
	slot, ok := s.freeSlot()
	if !ok {
		return nil
	}
	w := &worker{slot: slot, stats: s.page.Slot(slot)}
	s.workers = append(s.workers, w)
	return w
}

// freeSlot is the lowest number no process uses, of this server or one before it.
func (s *server) freeSlot() (slot int, ok bool) {
	var taken [stats.Slots]bool
	for _, w := range s.workers {
		taken[w.slot] = true
	}
	for _, b := range s.before {
		for _, slot := range b.slots {
			taken[slot] = true
		}
	}
	slot = slices.Index(taken[:], false)
	return slot, slot >= 0
}

// remove takes a place out whose process has ended. Who is going through the places goes on
// with those there were.
func (s *server) remove(w *worker) {
	s.workers = slices.DeleteFunc(slices.Clone(s.workers), func(other *worker) bool { return other == w })
	s.stale = true
}

// startWorker starts a process in w's place. What fails counts as a death before ready.
func (s *server) startWorker(w *worker) {
	*w = worker{slot: w.slot, stats: w.stats, command: w.command, generation: w.generation, starts: w.starts + 1, failures: w.failures}
	if w.generation <= s.generation { // else it is the first of a configuration that does not hold yet
		w.command, w.generation = s.config.Command, s.generation
	}
	s.stale = true
	now := time.Now()
	w.startedAt, w.lastBeat = now, now
	w.stats.Started.Store(now.UnixNano())
	w.stats.Restarts.Store(w.starts - 1)
	w.stats.BackoffMs.Store(0)
	command, err := s.launch(w)
	if err != nil {
		s.log.WithError(err).WithField("worker", w.slot).Error("cannot start a worker")
		s.failed(w, err.Error())
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
	command := w.command(w.slot)
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
	s.stale = true
	log := s.log.WithField("worker", w.slot).WithField("pid", command.Process.Pid)
	if s.draining() || w.retiring {
		s.setState(w, stats.Ended)
		if err != nil && !w.killed {
			log.WithError(err).Warn("a worker did not end well")
		}
		s.remove(w)
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
	if w.ready && w.generation <= s.generation && s.heir == nil {
		w.failures = 0
		log.Error("a worker died; starting another")
		s.startWorker(w)
		return
	}
	log.Error("a worker died before it was ready")
	s.failed(w, how)
}

// failed counts a death before ready. A server that is to take over gives up, and so does
// a new configuration; else the first two are followed by another start at once, later
// ones by a growing wait.
func (s *server) failed(w *worker, how string) {
	w.failures++
	s.setState(w, stats.Waiting)
	switch {
	case s.heir != nil:
		s.giveUpTakingOver(fmt.Errorf("a worker ended before it was ready: %s", how))
		return
	case w.generation > s.generation:
		s.setState(w, stats.Ended)
		s.remove(w)
		s.refuseChange(fmt.Errorf("the first worker with it ended before it was ready: %s", how))
		return
	}
	w.backoff = backoff(w.failures)
	w.startAt = time.Now().Add(w.backoff)
	w.stats.BackoffMs.Store(w.backoff.Milliseconds())
}

// backoff is the wait after so many deaths before ready in a row.
func backoff(failures int) time.Duration {
	if failures < backoffFrom {
		return 0
	}
	// Shifting further than the most would take could overflow.
	return min(backoffLeast<<min(failures-backoffFrom, 16), backoffMost)
}

// killWorker ends w's process; its death is reported by died.
func (s *server) killWorker(w *worker) {
	w.killed = true
	// It fails only where the process has ended already.
	_ = w.process.Kill()
}

func (s *server) setState(w *worker, state stats.State) { w.stats.State.Store(uint64(state)) }
