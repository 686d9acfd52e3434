package mirror

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/reconcile"
)

// carryOut does the steps in their order. Names for the server are gathered into commits, contents into batches; what
// the next step needs is done before it. Nothing is forced: a step that does not find what it was planned with is left
// for the next round.
func (r *round) carryOut() error {
	r.refresh()
	if err := r.clear(); err != nil {
		return err
	}
	steps := r.steps
	for len(steps) > 0 {
		var err error
		n := 1
		switch steps[0].Do {
		case reconcile.UpPut:
			n = run(steps, reconcile.UpPut)
			err = r.send(steps[:n])
		case reconcile.DownFetch:
			n = run(steps, reconcile.DownFetch)
			err = r.fetch(steps[:n])
		default:
			err = r.step(&steps[0])
		}
		if err != nil {
			return err
		}
		steps = steps[n:]
	}
	return r.flush()
}

// run is how many steps from the first on do the same.
func run(steps []reconcile.Step, do reconcile.Do) int {
	n := 1
	for n < len(steps) && steps[n].Do == do {
		n++
	}
	return n
}

// step does one step that moves no content.
func (r *round) step(s *reconcile.Step) error {
	switch s.Do {
	case reconcile.Agree:
		if s.Remote != r.remote.Root {
			r.agree(s.Local, s.Remote)
		}
	case reconcile.Forget:
		r.forget(s.Agreed.ID)
	case reconcile.Read: // could not be read: nothing is done about it
	case reconcile.UpMkdir:
		return r.upMkdir(s)
	case reconcile.UpMove:
		return r.upMove(s, s.Local.Parent, s.Local.Name)
	case reconcile.UpMoveAside:
		return r.upMove(s, r.local.Root, s.Name)
	case reconcile.UpSet:
		return r.upSet(s)
	case reconcile.UpDelete:
		return r.upDelete(s)
	default:
		return r.down(s)
	}
	return nil
}

// tried tells what became of something done here. nil: it was done.
func (r *round) tried(s *reconcile.Step, path string, err error) (done bool, fatal error) {
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, ErrMeanwhile), errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrExist), errors.Is(err, unix.ENOTEMPTY), errors.Is(err, unix.ENOTDIR):
		r.again = true
		return false, nil
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false, err
	}
	r.failed(path, err)
	return false, nil
}

// failed notes what went wrong with one name; the others go on.
func (r *round) failed(path string, err error) {
	r.m.problem(Problem{Path: path, Reason: err.Error(), Err: err})
}

// refused tells what a code means that the server answered for one name. It gives an error if it concerns all.
func (r *round) refused(path string, f client.Changed) error {
	switch {
	case f.Code == client.OverQuota, f.Code == client.NoSpace, f.Code == client.Revoked, f.Code == client.NotLoggedIn:
		return client.NewError("commit", f.Code, f.Message)
	case refusal(f.Code):
		r.again = true
	default:
		r.failed(path, client.NewError("commit", f.Code, f.Message))
	}
	return nil
}

// did tells of a step that was done.
func (r *round) did(s *reconcile.Step, e Event) {
	if rules := r.m.Options.Rules; rules != "" && (nameOf(e.Path) == rules || nameOf(e.From) == rules) {
		r.again = true // what another device no longer leaves alone is to come now
	}
	e.Do, e.Why = word(s.Do), s.Why
	r.m.Events(e)
}

// nameOf is the last name of a path.
func nameOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// words are what steps are called in events and plans.
var words = map[reconcile.Do]string{
	reconcile.Agree: "agree", reconcile.Forget: "forget", reconcile.Read: "read",
	reconcile.UpMkdir: "make-there", reconcile.UpMove: "move-there", reconcile.UpPut: "send", reconcile.UpSet: "set-there", reconcile.UpDelete: "delete-there",
	reconcile.DownMkdir: "make-here", reconcile.DownMove: "move-here", reconcile.DownFetch: "fetch", reconcile.DownSet: "set-here", reconcile.DownDelete: "delete-here",
	reconcile.UpMoveAside: "make-room-there", reconcile.DownMoveAside: "make-room-here", reconcile.Aside: "conflict",
}

func word(do reconcile.Do) string { return words[do] }
