package parent

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/stats"
)

// An upgrade, seen from the server that runs (heir.go has the other side):
//
//	start the new program with everything it needs, and go on
//	"up": accept no more, let go of the control socket, "yours"; then workers drain
//	it fails, ends, or is not up in time: undone, nothing has changed
//
// The connections that wait in the listeners are lost in neither case: the sockets are
// the same, only the process that accepts changes.

// upgrade is a successor: on its way up, or in this server's place.
type upgrade struct {
	pid     int
	process *os.Process
	link    *link
	until   time.Time // it must be up by then
	refusal error     // what it said
	ended   bool
	waiting []chan result
}

// beginUpgrade starts a successor. done may be nil; else it has room for the result.
func (s *server) beginUpgrade(done chan result) {
	refuse := func(err error) { s.tell([]chan result{done}, result{err: err}) }
	switch {
	case s.config.Successor == nil:
		refuse(fmt.Errorf("%w: this server cannot be upgraded", ErrConfig))
		return
	case s.phase != serving:
		refuse(fmt.Errorf("%w: the server is %s", ErrBusy, s.phase))
		return
	}
	s.enter(upgrading)
	s.sayReloading()
	u := &upgrade{waiting: []chan result{done}, until: time.Now().Add(s.config.times.upgrade)}
	s.upgrade = u
	command, err := s.startSuccessor(u)
	if err != nil {
		s.undo(fmt.Errorf("start the new server: %w", err))
		return
	}
	s.log.WithField("pid", u.pid).Info("upgrading: a new server comes up")
	go func() {
		err := command.Wait()
		s.wake.post(func() { s.successorEnded(u, err) })
	}()
}

// startSuccessor starts the process with copies of all it is to take over.
func (s *server) startSuccessor(u *upgrade) (*exec.Cmd, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a link: %w", err)
	}
	u.link = &link{fd: pair[0], hear: func() { s.hearSuccessor(u) }}
	var b bequest
	defer b.close()
	b.files = append(b.files, os.NewFile(uintptr(pair[1]), "link"))
	in := inheritance{Version: estateVersion, Pid: os.Getpid(), Data: s.config.Data, Link: firstFD, Slots: s.slots()}
	in.Lock = b.add(unix.FcntlInt(s.lock.Fd(), unix.F_DUPFD_CLOEXEC, 0)) // lint:allow a regular file
	in.Control = -1
	if s.answers != nil {
		in.Control = b.add(s.answers.Duplicate())
	}
	for _, l := range s.listeners {
		in.Listeners = append(in.Listeners, inheritedListener{
			FD:   b.add(unix.FcntlInt(uintptr(l.fd), unix.F_DUPFD_CLOEXEC, 0)),
			Addr: l.addr, Wanted: l.wanted.addr, FromName: l.wanted.fromName, Dual: l.wanted.dual, Setting: l.wanted.setting,
			Passed: l.passed, Tag: l.tag,
		})
	}
	for _, p := range s.before {
		in.Before = append(in.Before, inheritedBefore{
			Pid: p.pid, Slots: p.slots, Link: b.add(unix.FcntlInt(uintptr(p.link.fd), unix.F_DUPFD_CLOEXEC, 0)),
		})
	}
	if b.err != nil {
		return nil, b.err
	}
	text, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("BUG: write the inheritance: %w", err)
	}
	command := s.config.Successor()
	command.Env = append(command.Env, UpgradeVariable+"="+string(text))
	command.ExtraFiles = b.files
	if err := command.Start(); err != nil {
		return nil, err
	}
	u.process, u.pid = command.Process, command.Process.Pid
	return command, nil
}

// firstFD is where the first of exec.Cmd's ExtraFiles arrives.
const firstFD = 3

// bequest collects descriptors for a successor. It owns them.
type bequest struct {
	files []*os.File
	err   error
}

// add takes ownership of a copy and gives the number it will arrive as. It takes the error
// of copying as well, the first of which stays.
func (b *bequest) add(fd int, err error) int {
	if err != nil {
		if b.err == nil {
			b.err = fmt.Errorf("copy a descriptor: %w", err)
		}
		return -1
	}
	// They are non-blocking already, so exec does not change that.
	b.files = append(b.files, os.NewFile(uintptr(fd), "inherited"))
	return firstFD + len(b.files) - 1
}

func (b *bequest) close() {
	for _, f := range b.files {
		f.Close()
	}
}

// slots are those of the page that workers of this server have.
func (s *server) slots() []int {
	list := []int{}
	for _, w := range s.workers {
		list = append(list, w.slot)
	}
	return list
}

func (s *server) hearSuccessor(u *upgrade) {
	for {
		packet, err := u.link.read()
		if errors.Is(err, errNothing) {
			return
		}
		if err != nil {
			u.link.close()
			s.successorSilent(u)
			return
		}
		word, rest, _ := strings.Cut(packet, " ")
		switch word {
		case sayUp:
			if !s.handed && !u.ended && u.refusal == nil {
				s.handOver(u)
			}
		case sayFailed:
			number, text, _ := strings.Cut(rest, " ")
			code, _ := strconv.Atoi(number) // 0, where it is none, means "some error"
			u.refusal = &StartUpError{Code: code, Text: text}
		case sayStop:
			limit, err := strconv.ParseInt(rest, 10, 64)
			if err == nil && limit > 0 {
				s.drain(time.Duration(limit) * time.Millisecond)
			} else {
				s.kill()
			}
		}
	}
}

// successorSilent: the link is at its end, so the successor is at its own, or broken.
func (s *server) successorSilent(u *upgrade) {
	if s.handed {
		// The next server waits for the lock, which this one's workers have as well.
		s.log.WithField("pid", u.pid).Error("the server that took over has ended")
		s.drain(bereftLimit)
		return
	}
	// It is gone already, or is of no use; Wait reports its end.
	_ = u.process.Kill()
}

// handOver lets the successor take this server's place. From here on there is no way back.
func (s *server) handOver(u *upgrade) {
	s.handed = true
	s.enter(replaced)
	closeAll(s.listeners)
	s.listeners = nil
	if s.answers != nil {
		s.answers.Leave()
	}
	u.until = time.Now().Add(s.config.times.gone)
	u.link.say(sayYours)
	s.log.WithField("pid", u.pid).Info("a new server has taken over; what is in flight here finishes")
	s.tell(u.waiting, result{text: fmt.Sprintf("process %d has taken over", u.pid)})
	u.waiting = nil
}

// retireAll drains the workers of a server that has been replaced, when the connection it
// still held has found one.
func (s *server) retireAll() {
	if len(s.waiting) > 0 && time.Now().After(s.upgrade.until) {
		s.release()
	}
	if len(s.waiting) > 0 {
		return
	}
	for _, w := range s.workers {
		if !w.retiring {
			s.retire(w, s.config.RetireLimit)
		}
	}
}

// watchSuccessor ends one that is not up in time, and says when that would be.
func (s *server) watchSuccessor(now time.Time) time.Time {
	u := s.upgrade
	if u == nil || u.until.IsZero() || s.handed && len(s.waiting) == 0 {
		return time.Time{}
	}
	if !s.handed && !now.Before(u.until) {
		if u.refusal == nil {
			u.refusal = fmt.Errorf("it was not ready within %v", s.config.times.upgrade)
		}
		u.until = time.Time{}
		_ = u.process.Kill() // it fails only where the process has ended already
	}
	return u.until
}

// successorEnded is called when its process has ended. One that has taken over is this
// server's child for as long as this one lives.
func (s *server) successorEnded(u *upgrade, err error) {
	if s.upgrade != u || s.handed {
		return
	}
	u.ended = true
	s.hearSuccessor(u) // its last words
	switch {
	case u.refusal != nil:
		err = u.refusal
	case err != nil:
		err = fmt.Errorf("the new server ended before it was ready: %w; what it printed says why", err)
	default:
		err = errors.New("the new server ended before it was ready, as if it had been told to")
	}
	s.undo(err)
}

// undo ends an upgrade that has come to nothing.
func (s *server) undo(err error) {
	u := s.upgrade
	s.dropUpgrade()
	s.enter(serving)
	s.log.WithError(err).Error("upgrade undone; this server goes on")
	s.sayReady("")
	s.tell(u.waiting, result{err: err})
	s.goOn()
}

// abandonUpgrade ends a successor that is not up yet, because this server is told to stop.
func (s *server) abandonUpgrade(err error) {
	u := s.upgrade
	if u == nil || s.handed {
		return
	}
	if u.process != nil {
		_ = u.process.Kill() // it fails only where the process has ended already
	}
	s.tell(u.waiting, result{err: err})
	s.dropUpgrade()
}

// dropUpgrade forgets a successor that did not take over, and its workers' slots.
func (s *server) dropUpgrade() {
	if s.upgrade.link != nil {
		s.upgrade.link.close()
	}
	s.upgrade = nil
	for slot := range stats.Slots {
		mine := slices.ContainsFunc(s.workers, func(w *worker) bool { return w.slot == slot })
		older := slices.ContainsFunc(s.before, func(b *before) bool { return slices.Contains(b.slots, slot) })
		if at := s.page.Slot(slot); !mine && !older && at.Pid.Load() != 0 {
			at.Pid.Store(0)
			at.State.Store(uint64(stats.Ended))
		}
	}
}
