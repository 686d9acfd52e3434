package syncer

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// sweep deals with what earlier lives have left in the folder. What this one is writing is no leftover. What has a name that
// none gives is the user's own, and is told as a problem. back: something got its name back.
func (f *Folder) sweep(ctx context.Context, s *scanned) (back bool) {
	dead := s.leftover[:0]
	for _, path := range s.leftover {
		switch _, name := cutPath(path); {
		case !isTemp(name):
			s.problems = append(s.problems, Problem{Path: path, Skipped: true, Reason: "skipped: " + errTempName.Error(), Err: errTempName})
		case !f.temps.made(name):
			dead = append(dead, path)
		}
	}
	return !f.look && sweep(ctx, f.at, dead)
}

// sweep removes the temporary files of runs that were killed, but for those that are gone on with, and gives back its name to
// what one has put aside and not come to look at. What cannot be dealt with is tried again by the next run.
func sweep(ctx context.Context, at *beneath, leftover []string) (back bool) {
	for _, path := range leftover {
		folder, name := cutPath(path)
		if fd, err := at.folder(folder); err == nil {
			back = sweepOne(ctx, at, fd, name) || back
			unix.Close(fd)
		}
	}
	return back
}

func sweepOne(ctx context.Context, at *beneath, fd int, name string) (back bool) {
	if a, ok := asideNamed(name); ok {
		return a.settle(ctx, at, fd)
	}
	switch {
	case !isTemp(name):
		return false
	case strings.HasPrefix(name, stagePrefix):
		_ = removeTree(fd, name)
		return false
	case !stale(fd, name, time.Now()):
		return false
	}
	if !errors.Is(unix.Unlinkat(fd, name, 0), unix.EISDIR) {
		return false
	}
	// No run gives a folder such a name.
	return errors.Is(putBack(fd, name, "found "+name[len(tempPrefix):]), errMeanwhile)
}
