package store

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
	"sluice/internal/hash"
)

const (
	manySegments = 1000    // looked at in one round
	copyBatch    = 2 << 20 // bytes of living contents that are copied, synced and moved at once
)

// segments gives back the room of dead contents: each closed segment that is mostly dead is copied to where this process
// writes, as far as it lives, and removed. It is never punched: what a row has named stays as it is for as long as its file
// is there, so a reader that has an old location reads what it should, or finds the file gone and looks again.
func (c *collector) segments(ctx context.Context) error {
	if err := errors.Join(c.s.endDead(), c.s.noteEnded()); err != nil {
		return err
	}
	if err := c.measure(ctx); err != nil {
		return err
	}
	var wasteful []db.Segment
	err := c.s.read(func(tx *db.Tx) (err error) {
		wasteful, err = tx.Wasteful(manySegments)
		return err
	})
	for i := 0; i < len(wasteful) && err == nil && ctx.Err() == nil; i++ {
		if !c.stuck[wasteful[i].ID] {
			err = c.compact(ctx, wasteful[i])
		}
	}
	return err
}

// measure finds out how long closed segments are and how much of them is dead. What was taken ahead and never used is cut
// off behind the last content there ever was: no row has named it, and none ever will.
func (c *collector) measure(ctx context.Context) error {
	var new []int64
	err := c.s.read(func(tx *db.Tx) (err error) {
		new, err = tx.Unmeasured(manySegments)
		return err
	})
	for i := 0; i < len(new) && err == nil; i++ {
		err = c.batch(ctx, func() error { return c.measureOne(new[i]) })
	}
	return err
}

func (c *collector) measureOne(segment int64) error {
	var end, living int64
	err := c.s.read(func(tx *db.Tx) (err error) {
		end, living, err = tx.InSegment(segment)
		return err
	})
	if err != nil {
		return err
	}
	path, size := c.s.folder.segment(segment), pages(end)
	var st unix.Stat_t
	switch err := unix.Stat(path, &st); {
	case err == unix.ENOENT: // told at the start; nothing of it can be read, nor copied
		c.stuck[segment] = living > 0
		if living > 0 {
			return nil
		}
	case err != nil:
		return fmt.Errorf("look at %s: %w", path, err)
	case st.Size > size:
		if err := again(func() error { return unix.Truncate(path, size) }); err != nil {
			return fmt.Errorf("cut %s: %w", path, err)
		}
		c.result.Tails += st.Size - size
	case st.Size >= end: // within its last page, on a file system that allocates nothing ahead
		size = st.Size
	}
	return c.s.writeAnyway(func(tx *db.Tx) error { return tx.MeasureSegment(segment, size, size-living) })
}

// compact copies what lives in a segment and removes it.
func (c *collector) compact(ctx context.Context, g db.Segment) error {
	before := c.result
	for after := int64(0); ; {
		var living []db.Content
		err := c.s.read(func(tx *db.Tx) (err error) {
			living, err = tx.ContentsOf(g.ID, after, c.pace.size)
			return err
		})
		if err != nil {
			return err
		}
		if len(living) == 0 {
			break
		}
		count, bytes := 0, int64(0)
		for count < len(living) && (count == 0 || bytes+living[count].Size <= copyBatch) {
			bytes += living[count].Size
			count++
		}
		living = living[:count]
		after = living[count-1].ID
		err = c.batch(ctx, func() error { return c.move(g.ID, living, bytes) })
		switch {
		case errors.Is(err, ErrSpace): // there will be room when others have been removed
			c.s.config.Log("debug", fmt.Sprintf("segment %016x is copied later", g.ID), err)
			return nil
		case errors.Is(err, errUnmovable):
			c.stuck[g.ID] = true
			c.s.config.Log("error", fmt.Sprintf("segment %016x stays as it is", g.ID), err)
			return nil
		case err != nil:
			return err
		}
	}
	err := c.batch(ctx, func() error { return c.drop(g) })
	if c.result.Segments > before.Segments { // told at once: a round may take long, and end with its process
		c.s.config.Log("info", fmt.Sprintf("segment %016x is removed: %d bytes of it were dead, %d were copied", g.ID, g.Dead, c.result.Copied-before.Copied), nil)
	}
	return err
}

// errUnmovable marks a content whose bytes are not what its hash says, or cannot be read: its copy would be no better.
var errUnmovable = errors.New("a content in it cannot be copied")

// move copies contents of a segment, side by side, to where this process writes, and lets their rows say so when the copy is
// durable. A row that says something else by then, as its content was moved by another, is left alone.
func (c *collector) move(from int64, living []db.Content, bytes int64) error {
	body, err := c.readLiving(from, living, bytes)
	if err != nil {
		return err
	}
	if d, err := c.s.disk(); err != nil || c.s.reserveSpent() || d.free < bytes+2*d.reserve {
		return errors.Join(ErrSpace, err)
	}
	r, err := c.s.reserve(bytes)
	if err != nil {
		return err
	}
	defer c.s.release(r.segment)
	moved := int64(0)
	err = writeAt(r.segment.fd, body, r.offset)
	if err == nil {
		err = c.s.syncSegment(r.segment)
	}
	if err == nil {
		err = c.s.step("segment copied")
	}
	if err == nil {
		err = c.pace.timed(c.s.write, func(tx *db.Tx) (err error) {
			moved, err = moveRows(tx, c.s.life.id, from, living, r)
			return err
		})
	}
	if err != nil {
		if !errors.Is(err, errUnsure) {
			c.s.giveBack(r.segment, r.offset, pages(r.offset+r.length))
		}
		return fmt.Errorf("copy from segment %016x: %w", from, err)
	}
	r.segment.known.Store(true)
	c.result.Copied += moved
	return c.s.step("segment moved")
}

// readLiving reads contents and compares them with their hashes.
func (c *collector) readLiving(from int64, living []db.Content, bytes int64) ([]byte, error) {
	file, err := c.s.openFile(fileKey{from, true})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnmovable, err)
	}
	defer c.s.files.put(file)
	body := make([]byte, bytes)
	c.s.verifying <- struct{}{}
	defer func() { <-c.s.verifying }()
	at := int64(0)
	for i := range living {
		b := body[at:][:living[i].Size]
		if err := readAt(file.fd, b, living[i].Offset); err != nil {
			return nil, fmt.Errorf("%w: %x: %w", errUnmovable, living[i].Hash, err)
		}
		if differ("a copy", hash.Sum(b), [32]byte(living[i].Hash)) {
			return nil, fmt.Errorf("%w: %x: %w", errUnmovable, living[i].Hash, ErrHash)
		}
		at += living[i].Size
	}
	return body, nil
}

// moveRows is the transaction.
func moveRows(tx *db.Tx, life, from int64, living []db.Content, to run) (moved int64, err error) {
	if !to.segment.known.Load() {
		if err := tx.InsertSegment(to.segment.number, life); err != nil {
			return 0, err
		}
	}
	offset := to.offset
	for i := range living {
		there, err := tx.MoveContent(&living[i], to.segment.number, offset)
		if err != nil {
			return 0, err
		}
		if there {
			moved += living[i].Size
		}
		offset += living[i].Size
	}
	return moved, tx.AddDead(from, moved, 0)
}

// drop removes a segment that holds nothing: first the file, durably, then the row, so that no file is forgotten.
func (c *collector) drop(g db.Segment) error {
	empty := false
	err := c.s.read(func(tx *db.Tx) (err error) {
		empty, err = tx.Empty(g.ID)
		return err
	})
	if err != nil || !empty {
		return err
	}
	path := c.s.folder.segment(g.ID)
	if err := unix.Unlink(path); err != nil && err != unix.ENOENT {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	if err := c.s.synced("the segments' folder", syncFolder(c.s.folder.segments())); err != nil {
		return err
	}
	if err := c.s.step("segment removed"); err != nil {
		return err
	}
	c.s.files.dropRemoved()
	c.result.Segments++
	c.result.Freed += g.Dead
	return c.s.writeAnyway(func(tx *db.Tx) error { return tx.DeleteSegment(g.ID) })
}
