package db

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// Limits of one group. A group holds the gate, so its length is what others wait for: a worker's whole queue at a
// moment of many small requests, or a few large ones.
const (
	groupCount  = 64
	groupTime   = 20 * time.Millisecond
	queueLength = 4 * groupCount // more wait in Write itself
)

// job is one function on its way through the writer.
type job struct {
	fn   func(tx *Tx) error
	err  error
	done chan struct{}
}

// Write runs fn in the next group of this process and returns when the group's COMMIT is on disk. An error of fn, or a
// panic in it, undoes what fn did and nothing else; fn must not keep tx, wait for the network, or call Write. When the
// group's COMMIT fails, all of the group fail with its error, and nothing of them is kept.
func (d *DB) Write(fn func(tx *Tx) error) error {
	if d.options.ReadOnly {
		return ErrReadOnly
	}
	j := &job{fn: fn, done: make(chan struct{})}
	select {
	case d.queue <- j:
	case <-d.closing:
		return ErrClosed
	}
	select {
	case <-j.done:
		return j.err
	case <-d.ended: // Close came in between: j was answered with the rest, or nobody took it
		select {
		case <-j.done:
			return j.err
		default:
			return ErrClosed
		}
	}
}

// writerLoop is the writer goroutine's own: connection, gate and the group under way.
type writerLoop struct {
	d     *DB
	c     *conn
	gate  gate
	group []*job
}

func newWriter(d *DB) (*writerLoop, error) {
	c, err := connect(d.path, writer, d.options)
	if err != nil {
		return nil, err
	}
	g, err := openGate(d.options.Gate)
	if err != nil {
		c.close()
		return nil, err
	}
	return &writerLoop{d: d, c: c, gate: g, group: make([]*job, 0, groupCount)}, nil
}

// run carries out groups until Close; what is queued by then is still written.
func (w *writerLoop) run() {
	defer close(w.d.ended)
	defer w.gate.close()
	defer w.c.close()
	for {
		select {
		case j := <-w.d.queue:
			w.turn(j)
		case <-w.d.closing:
			for {
				select {
				case j := <-w.d.queue:
					w.turn(j)
				default:
					return
				}
			}
		}
	}
}

// turn carries out one group that begins with first, and answers it.
func (w *writerLoop) turn(first *job) {
	w.group = append(w.group[:0], first)
	changed, err := w.commit()
	good := int64(0)
	for _, j := range w.group {
		if j.err == nil {
			j.err = err
		}
		if j.err == nil {
			good++
		}
	}
	w.d.counts.writes.Add(good)
	w.d.counts.failed.Add(int64(len(w.group)) - good)
	if err == nil {
		w.d.counts.groups.Add(1)
	}
	if f := w.d.onCommit.Load(); f != nil && err == nil && changed {
		(*f)()
	}
	for i, j := range w.group {
		close(j.done)
		w.group[i] = nil
	}
}

// commit takes the gate and runs the group, as it grows, in one transaction. An error is the whole group's.
func (w *writerLoop) commit() (changed bool, err error) {
	if w.d.stopped.Load() {
		return false, fmt.Errorf("%w: %w", ErrStopped, ErrIO)
	}
	if err := w.gate.enter(); err != nil {
		return false, err
	}
	defer func() {
		if e := w.gate.leave(); e != nil && err == nil {
			err = e
		}
	}()
	tx := &Tx{w.c}
	if err := tx.run("BEGIN IMMEDIATE"); err != nil {
		return false, err
	}
	undone := false
	if err = w.fill(tx, &changed); err != nil {
		undone = true // COMMIT was never asked for
	} else if err = tx.run("COMMIT"); err != nil {
		undone = readFailed(err) // all reads come before the commit's frame is whole in the log
	}
	if err != nil {
		if syncFailed(err) {
			w.d.stopped.Store(true)
		}
		// A full disk may have ended the transaction already.
		if !w.c.c.AutoCommit() {
			if e := tx.run("ROLLBACK"); e != nil {
				err = errors.Join(err, e)
				undone = false
			}
		}
		if undone {
			return false, fmt.Errorf("commit: %w: %w", ErrUndone, err)
		}
		return false, fmt.Errorf("commit: %w", err)
	}
	return changed, nil
}

// fill runs the first job and whatever else is queued, within the limits of a group. An error ends the group.
func (w *writerLoop) fill(tx *Tx, changed *bool) error {
	end := time.Now().Add(groupTime)
	for i := 0; ; i++ {
		done, err := w.one(tx, w.group[i], i == 0)
		if err != nil {
			return err
		}
		*changed = *changed || done
		if len(w.group) == groupCount || time.Now().After(end) {
			return nil
		}
		select {
		case next := <-w.d.queue:
			w.group = append(w.group, next)
		default:
			return nil
		}
	}
}

// one runs a job, and undoes it if it fails. The first one of a group needs no savepoint, for which SQLite would copy
// every page the job touches: there is nothing before it that undoing the whole transaction could take along.
func (w *writerLoop) one(tx *Tx, j *job, first bool) (done bool, err error) {
	if !first {
		if err := tx.run("SAVEPOINT one"); err != nil {
			return false, err
		}
	}
	j.err = call(j.fn, tx)
	switch {
	case j.err == nil && first:
		return true, nil
	case j.err == nil:
		return true, tx.run("RELEASE one")
	case w.c.c.AutoCommit():
		return false, fmt.Errorf("the transaction was ended: %w", j.err) // by SQLite: disk full, I/O error
	case first:
		if err := tx.run("ROLLBACK"); err != nil {
			return false, err
		}
		return false, tx.run("BEGIN IMMEDIATE")
	}
	if err := tx.run("ROLLBACK TO one"); err != nil {
		return false, err
	}
	return false, tx.run("RELEASE one")
}

// call runs fn and turns a panic in it into an error.
func call(fn func(tx *Tx) error, tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("BUG: panic in a transaction: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(tx)
}
