package store

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

// contents brings every content of the copied database into the backup. One that is damaged or lost is told and left out.
func (b *backup) contents() error {
	var total int64
	var segments []int64
	err := b.next.Read(func(tx *db.Tx) (err error) {
		if _, total, err = tx.ScrubBytes(); err == nil {
			segments, err = tx.LivingSegments()
		}
		return err
	})
	if err != nil {
		return err
	}
	b.config.Progress.Doing("contents", total)
	for from := int64(0); ; {
		var all []db.Extent
		err := b.next.Read(func(tx *db.Tx) (err error) {
			all, err = tx.Kept(from, sweepBatch)
			return err
		})
		if err != nil {
			return err
		}
		if len(all) == 0 {
			break
		}
		for i := range all {
			if err := b.ctx.Err(); err != nil {
				return err
			}
			if err := b.own(&all[i]); err != nil {
				return err
			}
		}
		from = all[len(all)-1].ID + 1
	}
	for _, id := range segments {
		if err := b.ctx.Err(); err != nil {
			return err
		}
		if err := b.segment(id); err != nil {
			return err
		}
	}
	return b.damaged()
}

// damaged tells of contents that were known to be damaged.
func (b *backup) damaged() error {
	return b.next.Read(func(tx *db.Tx) error {
		n, err := tx.Damaged()
		if err == nil && n > 0 {
			b.missing(n, "%d contents are known to be damaged: they are not in the backup", n)
		}
		return err
	})
}

func (b *backup) missing(n int64, format string, args ...any) {
	b.report.Missing += n
	if b.config.Tell != nil {
		b.config.Tell(Finding{Kind: findMissing, Text: fmt.Sprintf(format, args...)})
	}
}

// count counts contents that are in the backup.
func (b *backup) count(e *db.Extent, fresh bool) {
	b.report.Contents++
	b.report.Bytes += e.Size
	if fresh {
		b.report.Fresh++
		b.report.New += e.Size
	}
	b.config.Progress.Add(1, e.Size)
}

// had tells whether the backup that was there has a content at the same place.
func (b *backup) had(e *db.Extent) (had bool, err error) {
	if b.last == nil {
		return false, nil
	}
	err = b.last.Read(func(tx *db.Tx) error {
		old, err := tx.Extent(e.ID)
		had = unchanged(old, e)
		return err
	})
	return had, err
}

// unchanged tells whether a content was (nil: was not there) where it is.
func unchanged(old, e *db.Extent) bool {
	return old != nil && old.Complete && !old.Damaged && string(old.Hash) == string(e.Hash) && old.Segment == e.Segment && old.Offset == e.Offset
}

// extentsIn lists what a segment holds; no database knows nothing.
func extentsIn(d *db.DB, segment int64) (all []db.Extent, err error) {
	if d == nil {
		return nil, nil
	}
	err = d.Read(func(tx *db.Tx) error {
		all, err = tx.ExtentsIn(segment)
		return err
	})
	return all, err
}

// own brings a content's own file.
func (b *backup) own(e *db.Extent) error {
	from, to := b.from.object(e.ID), b.to.object(e.ID)
	had, err := b.had(e)
	if err != nil {
		return err
	}
	if had {
		if length, err := lengthOf(to); err != nil || length >= e.Size {
			b.count(e, false)
			return err
		}
	}
	length, err := lengthOf(from)
	if err != nil {
		return err
	}
	if length < e.Size {
		b.missing(1, "content %x, %d bytes: its file has %d (-1: is gone)", e.ID, e.Size, length)
		return nil
	}
	b.count(e, true)
	if b.config.DryRun {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return full(err)
	}
	return b.bring(from, to, e.Size)
}

// bring makes a file that does not change any more a file of the backup.
func (b *backup) bring(from, to string, size int64) error {
	part := to + ".part"
	if err := unix.Unlink(part); err != nil && err != unix.ENOENT {
		return fmt.Errorf("remove %s: %w", part, err)
	}
	if b.link {
		switch err := unix.Link(from, part); err {
		case nil:
			b.report.Linked++
			if sameFile(part, to) { // rename would leave both
				return unix.Unlink(part)
			}
			return os.Rename(part, to)
		case unix.EXDEV, unix.EPERM, unix.EOPNOTSUPP, unix.ENOSYS: // another file system, or one without links
			b.link = false
		case unix.EMLINK:
		default:
			return full(fmt.Errorf("link %s: %w", from, err))
		}
	}
	fd, err := unix.Open(from, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", from, err)
	}
	defer unix.Close(fd)
	shared, err := cloneTo(part, fd, size)
	if err != nil {
		return err
	}
	if shared {
		b.report.Shared++
	} else {
		b.report.Copied += size
	}
	return os.Rename(part, to)
}

// sameFile tells whether two names are one file.
func sameFile(a, b string) bool {
	var x, y unix.Stat_t
	return unix.Stat(a, &x) == nil && unix.Stat(b, &y) == nil && x.Ino == y.Ino && x.Dev == y.Dev
}

// segment brings what a segment holds: whole, if nothing is appended to it any more and that costs nothing, else the ranges
// that are new.
func (b *backup) segment(id int64) error {
	all, err := extentsIn(b.next, id)
	if err != nil {
		return err
	}
	old, err := extentsIn(b.last, id)
	if err != nil {
		return err
	}
	had := make(map[int64]*db.Extent, len(old))
	for i := range old {
		had[old[i].ID] = &old[i]
	}
	var closed bool
	err = b.next.Read(func(tx *db.Tx) (err error) {
		closed, err = tx.SegmentClosed(id)
		return err
	})
	if err != nil {
		return err
	}
	from, to := b.from.segment(id), b.to.segment(id)
	length, err := lengthOf(from)
	if err != nil {
		return err
	}
	there, err := lengthOf(to)
	if err != nil {
		return err
	}
	one := sameFile(from, to)
	var ranges []Extent // that are to be brought, neighbours as one
	for i := range all {
		e := &all[i]
		if !e.Complete || e.Damaged || e.Size == 0 {
			continue
		}
		kept := one || unchanged(had[e.ID], e) && e.Offset+e.Size <= there
		if !kept && e.Offset+e.Size > length {
			b.missing(1, "content %x, %d bytes: segment %x ends before it (at %d; -1: is gone)", e.ID, e.Size, id, length)
			continue
		}
		b.count(e, !kept)
		if n := len(ranges); kept {
			continue
		} else if n > 0 && ranges[n-1].Offset+ranges[n-1].Length == e.Offset {
			ranges[n-1].Length += e.Size
		} else {
			ranges = append(ranges, Extent{e.Offset, e.Size})
		}
	}
	switch {
	case len(ranges) == 0 || b.config.DryRun:
		return nil
	case closed && b.link:
		return b.bring(from, to, length)
	}
	return b.ranges(from, to, ranges)
}

// ranges copies ranges of a segment into the backup's file of it, which is no link to it.
func (b *backup) ranges(from, to string, ranges []Extent) error {
	in, err := unix.Open(from, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", from, err)
	}
	defer unix.Close(in)
	out, err := unix.Open(to, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return full(fmt.Errorf("make %s: %w", to, err))
	}
	defer unix.Close(out)
	for _, r := range ranges {
		if err := copyRange(out, r.Offset, in, r.Offset, r.Length); err != nil {
			return err
		}
		b.report.Copied += r.Length
	}
	return nil
}
