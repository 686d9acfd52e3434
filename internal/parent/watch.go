package parent

import (
	"time"
)

// watch does what is due for w and says when to look again; zero: nothing is waited for.
func (s *server) watch(w *worker, now time.Time) time.Time {
	if w.process == nil {
		if w.startAt.IsZero() || s.draining() || w.retiring {
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
	drained := time.Time{} // when the drain's own limit is over
	if !w.killAt.IsZero() {
		if !now.Before(w.killAt) {
			s.log.WithField("worker", w.slot).WithField("pid", w.process.Pid).Warn("not drained within the limit; killed")
			s.killWorker(w)
			return time.Time{}
		}
		drained = w.killAt
	}
	if s.draining() {
		return drained
	}
	due := s.watchBeat(w, now)
	if !drained.IsZero() && drained.Before(due) {
		return drained
	}
	return due
}

// watchBeat kills a worker whose loop stands still, and says when that would be.
func (s *server) watchBeat(w *worker, now time.Time) time.Time {
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
