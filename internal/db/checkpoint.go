package db

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Checkpoint moves what is in the log into the database file and tells how long the log is. Only the keeper calls it.
// It goes as far as readers allow and holds up nobody; with truncate it then takes the gate, finishes and cuts
// the log to nothing, for which writers wait. ErrFull: the database file has no room for what is new, and nothing was moved.
// ErrUndone: something could not be read, so all of the log is moved the next time.
func (d *DB) Checkpoint(truncate bool) (walBytes int64, err error) {
	err = d.asKeeper(func() error {
		if err := d.move(truncate); readFailed(err) {
			return fmt.Errorf("checkpoint: %w: %w", ErrUndone, err)
		} else if err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
		info, err := os.Stat(d.path + "-wal")
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("checkpoint: %w", err)
		default:
			walBytes = info.Size()
		}
		return nil
	})
	return walBytes, err
}

// asKeeper does something with the keeper's connection.
func (d *DB) asKeeper(do func() error) (err error) {
	d.checkpoint.Lock()
	defer d.checkpoint.Unlock()
	select {
	case <-d.closing:
		return ErrClosed
	default:
	}
	if d.keeper == nil {
		if d.keeper, err = connect(d.path, checkpointer, d.options); err != nil {
			d.keeper = nil
			return fmt.Errorf("the keeper's connection: %w: %w", ErrUndone, err)
		}
	}
	return do()
}

// move moves the log.
func (d *DB) move(truncate bool) error {
	if err := d.takeAhead(); err != nil {
		return err
	}
	d.ahead.taken = 0 // SQLite ends a checkpoint by giving the file its length, which gives back what lies behind it
	passes := 1
	if truncate {
		passes = 2 // the first one takes long, and writers would wait for what came meanwhile
	}
	for range passes {
		if err := d.keeper.script("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
			return err
		}
	}
	if !truncate {
		return nil
	}
	return d.truncate()
}

// truncate finishes the checkpoint while no writer is at work and cuts the log.
func (d *DB) truncate() (err error) {
	g, err := openGate(d.options.Gate)
	if err != nil {
		return err
	}
	defer g.close() // leaves it
	if err := g.enter(); err != nil {
		return err
	}
	// A busy answer is a row of the result, not an error.
	return d.keeper.script("PRAGMA wal_checkpoint(TRUNCATE)")
}
