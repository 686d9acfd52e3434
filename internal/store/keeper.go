package store

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"sluice/internal/db"
)

// Keeper does what must be done by one process only, while it holds keeper.lock: it moves the database's log into the
// database, and sweeps what was never named. All workers run it; all but one wait for the lock. It returns when ctx ends.
func (s *Store) Keeper(ctx context.Context) {
	level := "warn" // said once aloud: a dead disk fails every try
	aside, end := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { s.tidy(aside) })
	defer done.Wait()
	defer end()
	for {
		l, err := lockFile(s.folder.keeperLock(), exclusive, 0)
		if err == nil {
			s.keep(ctx)
			l.unlock()
			return
		}
		if !errors.Is(err, ErrInUse) {
			s.config.Log(level, "become the keeper", err)
			level = "debug"
		}
		if !pause(ctx, keeperTries) {
			return
		}
	}
}

// removedClosed is how often open descriptors of removed files are closed: until then they keep the room.
const removedClosed = 5 * time.Second

// tidy is what every process must do by itself for the keeper: say which segments it has ended, and close the files that
// were removed.
func (s *Store) tidy(ctx context.Context) {
	for pause(ctx, removedClosed) {
		s.files.dropRemoved()
		if err := errors.Join(s.endDead(), s.noteEnded()); err != nil && !s.stopped.Load() {
			s.config.Log("warn", "note which segments are ended", err)
		}
	}
}

// keep is the keeper's work. It ends early when this store has stopped writing: another process may still be able to. The
// collector works beside the rest, and so do removals that were cut off, as they take their time.
func (s *Store) keep(ctx context.Context) {
	s.config.Log("debug", "this worker is the keeper", nil)
	ctx, end := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { s.collecting(ctx) })
	done.Go(func() { s.removals(ctx) })
	defer done.Wait()
	defer end()
	var filled sync.Once
	var relieved time.Time
	log, swept := walWatch{path: s.folder.database() + "-wal", length: s.db.LogLength}, time.Now().Add(firstSweep-sweepEvery)
	for pause(ctx, keeperTick) && !s.stopped.Load() {
		if due, anew := log.due(time.Now(), s.reserveSpent()); due {
			log.done(time.Now(), s.checkpoint(anew))
		} else if log.grew {
			s.lookAhead()
		}
		s.fillReserves()
		if time.Since(relieved) >= relieveEvery {
			s.relieve(ctx, time.Now(), s.lowSpace)
			relieved = time.Now()
		}
		if time.Since(swept) >= sweepEvery {
			if err := s.sweep(ctx, time.Now()); err != nil {
				s.config.Log("warn", "sweep", err)
			}
			swept = time.Now()
			filled.Do(func() { s.fillProbes(ctx) })
		}
	}
}

// pause waits; false: ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// checkpoint tells whether somebody's old snapshot keeps the log from beginning anew.
func (s *Store) checkpoint(anew bool) (held bool) {
	err := s.withLogReserve(func() (err error) {
		held, err = s.db.Checkpoint(anew)
		return err
	})
	switch {
	case err == nil || errors.Is(err, db.ErrClosed):
	case errors.Is(err, db.ErrIO) && !errors.Is(err, db.ErrUndone): // what could not be read was not written either
		s.stop("checkpoint", err)
	default:
		s.config.Log("warn", "checkpoint", err)
	}
	return held
}

// lookAhead takes the room in the database that the log will need, so that others cannot before the log is moved.
func (s *Store) lookAhead() {
	if err := s.withLogReserve(s.db.Ahead); err != nil && !errors.Is(err, db.ErrClosed) {
		s.config.Log("debug", "look ahead of the log", err) // moving it will tell, and has until then
	}
}

// walWatch says when the log is to be moved into the database: soon while it grows fast, seldom while it grows slowly,
// never while it stands still.
type walWatch struct {
	path    string
	length  func() (int64, error) // bytes of it that are in use
	seen    time.Time             // the log's last change when it was last looked at
	grew    bool                  // it was written to between the last two looks
	written time.Time             // the log's last change when it was last moved
	at      time.Time             // when that was
	held    bool                  // somebody's old snapshot kept it from beginning anew: each try holds writers up, so they are not many
}

// due looks at the log; anew: it has become too long and is to begin anew. On a full disk the log's room is needed at once.
func (w *walWatch) due(now time.Time, full bool) (due, anew bool) {
	info, err := os.Stat(w.path)
	w.grew = err == nil && !info.ModTime().Equal(w.seen)
	if w.grew {
		w.seen = info.ModTime()
	}
	if err != nil || info.Size() == 0 || !full && info.ModTime().Equal(w.written) {
		return false, false
	}
	length := info.Size()
	if length > walBusy {
		if n, err := w.length(); err == nil {
			length = n
		}
	}
	since, anew := now.Sub(w.at), length > walGreatest
	if !full && (!anew || w.held) && since < walIdle && (length < walBusy || since < walPause) {
		return false, false
	}
	w.written = info.ModTime()
	return true, anew
}

func (w *walWatch) done(now time.Time, held bool) { w.at, w.held = now, held }

// sweep frees what was never named, in small transactions.
func (s *Store) sweep(ctx context.Context, at time.Time) error {
	before := func(kept time.Duration) int64 { return at.Add(-kept).UnixNano() }
	err := s.sweepRows(ctx, func(tx *db.Tx) (int, error) { return tx.SweepHolds(before(holdKept), sweepBatch) })
	if err != nil {
		return err
	}
	err = s.sweepRows(ctx, func(tx *db.Tx) (int, error) { return tx.SweepRepeats(before(repeatKept), sweepBatch) })
	if err != nil {
		return err
	}
	err = s.sweepRows(ctx, func(tx *db.Tx) (int, error) { return tx.SweepNonces(at.UnixNano(), sweepBatch) })
	if err != nil {
		return err
	}
	if err := s.sweepUploads(ctx, before(s.config.Policy.Partials)); err != nil {
		return err
	}
	if err := s.purge(ctx, at); err != nil {
		return err
	}
	if at.Sub(s.thinned) >= thinEvery {
		if err := s.thin(ctx, at); err != nil {
			return err
		}
		s.thinned = at
	}
	return s.discardAll()
}

func (s *Store) sweepRows(ctx context.Context, batch func(tx *db.Tx) (int, error)) error {
	for ctx.Err() == nil {
		n := 0
		err := s.writeAnyway(func(tx *db.Tx) (err error) {
			n, err = batch(tx)
			return err
		})
		if err != nil || n < sweepBatch {
			return err
		}
	}
	return nil
}
