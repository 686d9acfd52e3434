package syncer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/state"
)

const (
	// runAfter is how long a run lasts before it is remembered: what is shorter costs less to do again than to write down.
	runAfter = time.Second
	// runTold is how often it is written down how far it is.
	runTold = 2 * time.Second
)

// Run is a put, get, push or pull under way, remembered in the client's state from when it has lasted a second or has left
// something that costs to be done again. So it can be gone on with, whatever ended it. That it cannot be remembered stops
// nothing. All methods may be called by any goroutine; those of a nil Run do nothing.
type Run struct {
	path     string // of the state file
	progress *Progress
	ended    chan struct{}
	over     sync.WaitGroup

	mu     sync.Mutex
	what   state.Transfer
	state  *state.State // nil: not remembered yet
	lock   int          // held while the run lasts; -1: none
	failed bool         // to be remembered
}

// BeginRun begins to watch a run of the command with these arguments. state is the client's state file. End is called once.
func BeginRun(path string, command []string, remote string, progress *Progress) *Run {
	dir, err := os.Getwd()
	r := &Run{path: path, progress: progress, ended: make(chan struct{}), lock: -1, failed: err != nil}
	r.what = state.Transfer{Command: command, Dir: dir, Remote: remote, Pid: os.Getpid()}
	r.over.Go(r.watch)
	return r
}

func (r *Run) watch() {
	for wait := runAfter; ; wait = runTold {
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-r.ended:
			t.Stop()
			return
		}
		r.remembered(func(s *state.State, id int64) error {
			return s.Advance(id, r.progress.DoneBytes.Load(), r.progress.FoundBytes.Load(), time.Now().UnixNano())
		})
	}
}

// Partial tells of a partial file, by its path, that the run would leave.
func (r *Run) Partial(path string) {
	if path, err := filepath.Abs(path); err == nil {
		r.leave(state.Remnant{Path: path})
	}
}

// Begun tells of an upload that the run would leave.
func (r *Run) Begun(upload int64) { r.leave(state.Remnant{Upload: upload}) }

func (r *Run) leave(what state.Remnant) {
	if r != nil {
		r.remembered(func(s *state.State, id int64) error { return s.Leave(id, what) })
	}
}

// remembered does something with what is remembered of the run, which begins with it if need be.
func (r *Run) remembered(do func(s *state.State, id int64) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed {
		return
	}
	err := r.begin()
	if err == nil {
		err = do(r.state, r.what.ID)
	}
	r.failed = err != nil
}

// begin is called with mu held.
func (r *Run) begin() error {
	if r.state != nil {
		return nil
	}
	s, err := state.Open(r.path)
	if err != nil {
		return err
	}
	r.state = s
	r.what.Total, r.what.Done, r.what.Touched = r.progress.FoundBytes.Load(), r.progress.DoneBytes.Load(), time.Now().UnixNano()
	if err := s.Find(&r.what); err != nil {
		return err
	}
	if r.lock, err = lockRun(r.path, r.what.ID); err != nil {
		return err
	}
	return s.Take(&r.what)
}

// End ends the run, with its error: what was done is forgotten, what was not is remembered.
func (r *Run) End(err error) {
	if r == nil {
		return
	}
	close(r.ended)
	r.over.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == nil && !r.failed && finished(err) && anyRun(r.path) {
		r.failed = r.begin() != nil // an earlier run of the same command may be remembered
	}
	if r.state == nil {
		return
	}
	if !r.failed {
		_ = r.settle(err)
	}
	r.state.Close()
	if r.lock >= 0 {
		unix.Close(r.lock)
	}
}

// finished tells whether there is nothing left to be gone on with.
func finished(err error) bool {
	switch client.ExitCode(err) {
	case client.ExitInterrupted, client.ExitTemporary, client.ExitAuth, client.ExitSpace, client.ExitOther, client.ExitProtocol:
		return false
	}
	return true
}

func (r *Run) settle(err error) error {
	id := r.what.ID
	if finished(err) {
		return errors.Join(r.state.Drop(id), os.Remove(runLock(r.path, id)))
	}
	stage, reason := state.Failed, ""
	if client.ExitCode(err) == client.ExitInterrupted {
		stage = state.Interrupted
	} else {
		reason = err.Error()
	}
	at := time.Now().UnixNano()
	return errors.Join(r.state.Advance(id, r.progress.DoneBytes.Load(), r.progress.FoundBytes.Load(), at), r.state.Halt(id, stage, reason, at))
}

// A run that is remembered has a file beside the state, which it keeps locked: so others see that it lives, and that there
// is anything to be seen.

func runLocks(path string) string { return filepath.Join(filepath.Dir(path), "transfers") }

func runLock(path string, id int64) string {
	return filepath.Join(runLocks(path), strconv.FormatInt(id, 10))
}

func anyRun(path string) bool {
	list, err := os.ReadDir(runLocks(path))
	return err == nil && len(list) > 0
}

// errRunning says that the same command is running already.
var errRunning = errors.New("the same command is running already")

// lockRun locks a run's file for as long as the descriptor, which it gives, is open.
func lockRun(path string, id int64) (int, error) {
	if err := os.MkdirAll(runLocks(path), 0o700); err != nil {
		return -1, err
	}
	fd, err := retry(func() (int, error) {
		return unix.Open(runLock(path, id), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	})
	if err != nil {
		return -1, fmt.Errorf("open a transfer's lock: %w", err)
	}
	whole := unix.Flock_t{Type: unix.F_WRLCK}
	if _, err := retry(func() (int, error) { return 0, unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &whole) }); err != nil {
		unix.Close(fd)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
			return -1, errRunning
		}
		return -1, fmt.Errorf("lock a transfer: %w", err)
	}
	return fd, nil
}

// runs tells whether a run's file is locked. It does not take the lock, not even for a moment: a run that begins meanwhile
// would not be remembered.
func runs(path string, id int64) (bool, error) {
	fd, err := retry(func() (int, error) { return unix.Open(runLock(path, id), unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open a transfer's lock: %w", err)
	}
	defer unix.Close(fd)
	whole := unix.Flock_t{Type: unix.F_WRLCK}
	if _, err := retry(func() (int, error) { return 0, unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &whole) }); err != nil {
		return false, fmt.Errorf("ask for a transfer's lock: %w", err)
	}
	return whole.Type != unix.F_UNLCK, nil
}
