package db

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Checkpoint moves what is in the log into the database file and tells how long the log is. Only the keeper calls it.
// It goes as far as readers allow and holds up nobody; with truncate it then takes the gate, finishes and cuts
// the log to nothing, for which writers wait.
func (d *DB) Checkpoint(truncate bool) (walBytes int64, err error) {
	d.checkpoint.Lock()
	defer d.checkpoint.Unlock()
	select {
	case <-d.closing:
		return 0, ErrClosed
	default:
	}
	if d.keeper == nil {
		if d.keeper, err = connect(d.path, checkpointer, d.options); err != nil {
			d.keeper = nil
			return 0, fmt.Errorf("checkpoint: %w", err)
		}
	}
	if err := d.keeper.script("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	if truncate {
		if err := d.truncate(); err != nil {
			return 0, fmt.Errorf("checkpoint: %w", err)
		}
	}
	info, err := os.Stat(d.path + "-wal") // stat only: to open and close it would drop SQLite's locks
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	return info.Size(), nil
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
