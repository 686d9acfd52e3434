package db

import "fmt"

// Checkpoint moves what is in the log into the database file. Only the keeper calls it. It goes as far as readers allow and
// holds up nobody; with anew it then takes the gate, for which writers wait, and finishes, so that the next one of them
// begins the log anew. held: somebody's old snapshot is in the way of that. ErrFull: the database file has no room for what
// is new, and nothing was moved. ErrUndone: something could not be read, so all of the log is moved the next time.
func (d *DB) Checkpoint(anew bool) (held bool, err error) {
	err = d.asKeeper(func() (err error) {
		if held, err = d.move(anew); readFailed(err) {
			return fmt.Errorf("checkpoint: %w: %w", ErrUndone, err)
		} else if err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
		return nil
	})
	return held, err
}

// LogLength is how many bytes of the log are in use: its file may be longer. Only the keeper calls it.
func (d *DB) LogLength() (bytes int64, err error) {
	err = d.asKeeper(func() error {
		var frames, page int64
		tx := &Tx{d.keeper}
		if _, err := tx.row("PRAGMA page_size", nil, &page); err != nil {
			return err
		}
		_, err := tx.row("PRAGMA wal_checkpoint(NOOP)", nil, new(int64), &frames, new(int64))
		bytes = frames * (page + 24) // a frame's header; https://sqlite.org/fileformat2.html#walformat
		return err
	})
	return bytes, err
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
func (d *DB) move(anew bool) (held bool, err error) {
	if err := d.takeAhead(); err != nil {
		return false, err
	}
	d.ahead.taken = 0 // SQLite ends a checkpoint by giving the file its length, which gives back what lies behind it
	passes := 1
	if anew {
		passes = 2 // the first one takes long, and writers would wait for what came meanwhile
	}
	for range passes {
		if err := d.keeper.script("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
			return false, err
		}
	}
	if !anew {
		return false, nil
	}
	return d.beginAnew()
}

// beginAnew finishes the checkpoint while no writer is at work. The log's file keeps its length, up to journal_size_limit: to
// write over it takes no room, and a file system needs no journal for it, while to cut 32 MiB takes some 30 ms, for which
// writers would wait.
func (d *DB) beginAnew() (held bool, err error) {
	g, err := openGate(d.options.Gate)
	if err != nil {
		return false, err
	}
	defer g.close() // leaves it
	if err := g.enter(); err != nil {
		return false, err
	}
	var busy int64
	_, err = (&Tx{d.keeper}).row("PRAGMA wal_checkpoint(RESTART)", nil, &busy, new(int64), new(int64))
	return busy != 0, err
}
