package db

import "fmt"

// Read runs fn in a read transaction: one snapshot of the database, as of fn's first statement. It waits while all
// readers are busy. fn must not wait for the network: an old snapshot makes the log grow.
func (d *DB) Read(fn func(tx *Tx) error) (err error) {
	var c *conn
	select {
	case <-d.closing:
		return ErrClosed
	default:
	}
	select {
	case c = <-d.readers:
	case <-d.closing:
		return ErrClosed
	}
	defer func() { d.readers <- c }()
	if c == nil {
		if c, err = connect(d.path, reader, d.options); err != nil {
			c = nil
			return fmt.Errorf("open a reader: %w", err)
		}
	}
	d.counts.reads.Add(1)
	tx := &Tx{c}
	if err := tx.run("BEGIN"); err != nil {
		return err
	}
	defer func() { // also when fn panics
		if e := tx.run("ROLLBACK"); e != nil { // ends a read as COMMIT does, and cannot fail
			c.close()
			c = nil // opened anew by the next one
			if err == nil {
				err = e
			}
		}
	}()
	return fn(tx)
}
