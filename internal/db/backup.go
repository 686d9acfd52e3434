package db

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Backup copies the database as it is at one moment into a new file at path, durably but for its name. Nobody is held up: the
// copy reads a snapshot, in one step, as a copy in several would begin anew with every commit of others.
func (d *DB) Backup(path string) (err error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	from, err := connect(d.path, reader, d.options)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	defer from.close()
	to, err := bare(path, "rwc")
	if err != nil {
		return fmt.Errorf("back up to %s: %w", path, err)
	}
	defer func() {
		if e := to.close(); err == nil {
			err = e
		}
	}()
	b, err := to.c.Backup("main", from.c, "main")
	if err != nil {
		return fmt.Errorf("back up to %s: %w", path, wrap(err))
	}
	done, err := b.Step(-1)
	if e := b.Finish(); err == nil {
		err = e
	}
	if err == nil && !done {
		err = errors.New("BUG: one step did not copy it whole")
	}
	if err != nil {
		return fmt.Errorf("back up to %s: %w", path, wrap(err))
	}
	return nil
}

// Kept lists complete contents that have bytes and are not damaged, by number from one on: what a backup needs.
func (tx *Tx) Kept(from int64, limit int) ([]Extent, error) {
	return tx.extents(`SELECT `+extentColumns+` FROM content
		WHERE id >= CAST(? AS INTEGER) AND complete AND damaged IS NULL AND size > 0 AND segment IS NULL ORDER BY id LIMIT CAST(? AS INTEGER)`, from, limit)
}

// SegmentClosed tells whether nothing is appended to a segment any more.
func (tx *Tx) SegmentClosed(id int64) (bool, error) {
	return tx.row(`SELECT 1 FROM segment WHERE id = ? AND (closed OR life IN (SELECT id FROM life WHERE ended IS NOT NULL))`, []any{id})
}

// BeginAnew makes of a restored database one that a server can begin with: all namespaces get new epochs, by which clients
// see that the server went back in time; what was under way is no more. Journals and node numbers go on at a number made of
// the time, in µs since 1970: what the lost history gave is less, as no server makes a change every µs. So a client can tell
// what the backup knew from what came later, and no number is given twice.
func (tx *Tx) BeginAnew(epoch func() int64, now int64) error {
	namespaces, err := tx.numbers(`SELECT id FROM namespace`)
	if err != nil {
		return err
	}
	for _, id := range namespaces {
		if err := tx.run(`UPDATE namespace SET epoch = ?, journal = max(journal, ?) WHERE id = ?`, epoch(), now/1000, id); err != nil {
			return err
		}
	}
	if err := tx.run(`UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'node'`, now/1000); err != nil {
		return err
	}
	for _, sql := range []string{
		`DELETE FROM upload`,
		`UPDATE account SET held = (SELECT ifnull(sum(bytes), 0) FROM hold WHERE hold.account = account.id)`,
		`DELETE FROM chunk WHERE content IN (SELECT id FROM content WHERE NOT complete)`,
		`DELETE FROM probe WHERE content IN (SELECT id FROM content WHERE NOT complete)`,
		`DELETE FROM content WHERE NOT complete`,
		`DELETE FROM repeat`,
		`DELETE FROM nonce`,
		`DELETE FROM scrub`,
		`UPDATE secret SET key = randomblob(32)`,
		`UPDATE segment SET closed = 1`,
	} {
		if err := tx.run(sql); err != nil {
			return err
		}
	}
	return tx.run(`UPDATE life SET ended = ? WHERE ended IS NULL`, now)
}
