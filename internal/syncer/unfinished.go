package syncer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/state"
)

// Unfinished is a run that is remembered.
type Unfinished struct {
	state.Transfer
	Running bool
}

// The stages of an unfinished run, as they are shown.
const (
	StageRunning     = "running"
	StagePaused      = "paused"
	StageInterrupted = "interrupted"
	StageFailed      = "failed"
)

// Stage is the run's stage in a word. One that was killed could not say so.
func (u *Unfinished) Stage() string {
	switch {
	case u.Running:
		return StageRunning
	case u.Transfer.Stage == state.Paused || u.Transfer.Stage == state.Pausing:
		return StagePaused
	case u.Transfer.Stage == state.Failed:
		return StageFailed
	}
	return StageInterrupted
}

// AllUnfinished lists the runs that are remembered in a state file, the oldest first.
func AllUnfinished(path string) ([]Unfinished, error) {
	if !anyRun(path) {
		return nil, nil
	}
	s, err := state.Open(path)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	transfers, err := s.Transfers()
	if err != nil {
		return nil, err
	}
	all := make([]Unfinished, len(transfers))
	for i, t := range transfers {
		all[i].Transfer = t
		if all[i].Running, err = runs(path, t.ID); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Pause asks a running run to stop, so that it can be gone on with, and marks it as paused.
func (u *Unfinished) Pause(path string) error {
	s, err := state.Open(path)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Pause(u.ID, u.Running); err != nil || !u.Running {
		return err
	}
	return u.interrupt()
}

// interrupt is what Ctrl-C does. That the run's file is locked says that its process is the one that is meant.
func (u *Unfinished) interrupt() error {
	if err := unix.Kill(u.Pid, unix.SIGINT); err != nil && err != unix.ESRCH {
		return fmt.Errorf("interrupt process %d: %w", u.Pid, err)
	}
	return nil
}

// cancelWait bounds how long a run may take to stop.
const cancelWait = 30 * time.Second

// Cancel stops a run if need be, removes what it has left here, has end remove what it has left on the server, and forgets
// it. If anything fails it is still remembered.
func (u *Unfinished) Cancel(path string, end func(uploads []int64) error) error {
	if u.Running {
		if err := u.interrupt(); err != nil {
			return err
		}
	}
	fd, err := u.take(path)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	s, err := state.Open(path)
	if err != nil {
		return err
	}
	defer s.Close()
	left, err := s.Remnants(u.ID)
	if err != nil {
		return err
	}
	var uploads []int64
	for _, r := range left {
		if r.Upload > 0 {
			uploads = append(uploads, r.Upload)
			continue
		}
		if !strings.HasPrefix(filepath.Base(r.Path), tempPrefix) {
			continue
		}
		if err := os.Remove(r.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a partial file: %w", err)
		}
	}
	if len(uploads) > 0 {
		if err := end(uploads); err != nil {
			return err
		}
	}
	if err := s.Drop(u.ID); err != nil {
		return err
	}
	return os.Remove(runLock(path, u.ID))
}

// take waits until the run has stopped, and holds its lock.
func (u *Unfinished) take(path string) (fd int, err error) {
	for end := time.Now().Add(cancelWait); ; time.Sleep(50 * time.Millisecond) {
		fd, err = lockRun(path, u.ID)
		if !errors.Is(err, errRunning) || time.Now().After(end) {
			return fd, err
		}
	}
}
