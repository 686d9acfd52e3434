package store

import (
	"context"
	"time"

	"sluice/internal/db"
)

// purgeBatch bounds the rows one purging transaction removes: a few milliseconds, so that it holds nobody up.
const purgeBatch = 200

// purgePause is between two of them: others write meanwhile.
const purgePause = 10 * time.Millisecond

// purge removes the past that is kept no longer: replaced contents and places after the time for versions, deleted names
// after that for the trash. The owner's plan says how long that is, or else the configuration.
func (s *Store) purge(ctx context.Context, at time.Time) error {
	after := int64(0)
	for {
		var page []db.Keeping
		err := s.read(func(tx *db.Tx) (err error) {
			page, err = tx.Keepings(after, sweepBatch)
			return err
		})
		if err != nil {
			return err
		}
		for _, k := range page {
			if err := s.purgeNamespace(ctx, k, at); err != nil || ctx.Err() != nil {
				return err
			}
			after = k.Namespace
		}
		if len(page) < sweepBatch {
			return nil
		}
	}
}

func (s *Store) purgeNamespace(ctx context.Context, k db.Keeping, at time.Time) error {
	before := func(own *int64, kept time.Duration) int64 {
		if own != nil {
			kept = time.Duration(*own)
		}
		return at.Add(-kept).UnixNano()
	}
	versions, trash := before(k.Versions, s.config.Policy.Versions), before(k.Trash, s.config.Policy.Trash)
	// Places first: they have the contents of states that ended later.
	for _, how := range []int64{db.Moved, db.Replaced} {
		if err := s.purgeEnded(ctx, k.Namespace, how, versions, purgeBatch); err != nil {
			return err
		}
	}
	if _, err := s.purgeDeleted(ctx, k.Namespace, trash, true, purgeBatch); err != nil {
		return err
	}
	return s.purgeBelow(ctx, k.Namespace, purgeBatch)
}

// inBatches carries out a batch after the other, with pauses, until one says that there is no more. The first look is a
// read: mostly there is nothing to do.
func (s *Store) inBatches(ctx context.Context, due func(tx *db.Tx) (bool, error), batch func(tx *db.Tx) (more bool, err error)) error {
	more := false
	err := s.read(func(tx *db.Tx) (err error) {
		more, err = due(tx)
		return err
	})
	for more && err == nil && ctx.Err() == nil {
		if err = s.writeAnyway(func(tx *db.Tx) (err error) {
			more, err = batch(tx)
			return err
		}); err == nil && more {
			pause(ctx, purgePause)
		}
	}
	return err
}

// purgeEnded removes states that were replaced or moved before a time, so many rows at once.
func (s *Store) purgeEnded(ctx context.Context, namespace, how, at int64, rows int) error {
	return s.inBatches(ctx, func(tx *db.Tx) (bool, error) {
		old, err := tx.EndedBefore(namespace, how, 0, at, 1)
		return len(old) > 0, err
	}, func(tx *db.Tx) (bool, error) {
		old, err := tx.EndedBefore(namespace, how, 0, at, rows)
		if err != nil || len(old) == 0 {
			return false, err
		}
		bytes := int64(0)
		for i := range old {
			bytes += old[i].Size
			if err := tx.DeletePast(&old[i]); err != nil {
				return false, err
			}
		}
		return len(old) == rows, tx.Forget(namespace, bytes, 0, old[len(old)-1].Until)
	})
}

// purgeDeleted gives up what was deleted before a time, and tells how many names that were. By age also the delete of a
// name that has come again is forgotten, and older trees are not known any more; a person who empties the trash only
// means what is in it.
func (s *Store) purgeDeleted(ctx context.Context, namespace, at int64, byAge bool, rows int) (names int64, err error) {
	after := int64(0)
	err = s.inBatches(ctx, func(tx *db.Tx) (bool, error) {
		old, err := tx.EndedBefore(namespace, db.Deleted, 0, at, 1)
		return len(old) > 0, err
	}, func(tx *db.Tx) (bool, error) {
		old, err := tx.EndedBefore(namespace, db.Deleted, after, at, rows)
		if err != nil || len(old) == 0 {
			return false, err
		}
		p := purger{tx: tx, left: rows}
		done := 0
		for ; done < len(old) && p.left > 0; done++ {
			last, err := tx.LastEnd(old[done].ID)
			if err != nil {
				return false, err
			}
			switch {
			case last != nil && last.Until == old[done].Until:
				names++
				p.forgotten = old[done].Until
				err = p.giveUp(&old[done])
			case byAge:
				err = p.remove(&old[done])
			}
			if err != nil {
				return false, err
			}
		}
		after = old[done-1].Until
		horizon := int64(0)
		if byAge {
			horizon = after
		}
		return done < len(old) || len(old) == rows, tx.Forget(namespace, p.bytes, p.forgotten, horizon)
	})
	return names, err
}

// purgeBelow removes what belongs to deleted names that were given up and had more to them than one row.
func (s *Store) purgeBelow(ctx context.Context, namespace int64, rows int) error {
	return s.inBatches(ctx, func(tx *db.Tx) (bool, error) {
		some, err := tx.Purging(namespace, 1)
		return len(some) > 0, err
	}, func(tx *db.Tx) (bool, error) {
		p := purger{tx: tx, left: rows}
		for p.left > 0 {
			some, err := tx.Purging(namespace, 1)
			if err != nil {
				return false, err
			}
			if len(some) == 0 {
				return false, tx.Forget(namespace, p.bytes, 0, 0)
			}
			if err := p.clear(&some[0]); err != nil {
				return false, err
			}
		}
		return true, tx.Forget(namespace, p.bytes, 0, 0)
	})
}

// purger removes rows within one transaction.
type purger struct {
	tx        *db.Tx
	left      int   // rows it may still remove
	bytes     int64 // given back
	forgotten int64 // the last delete that is not told any more
}

// remove removes one past state.
func (p *purger) remove(state *db.Past) error {
	p.left--
	p.bytes += state.Size
	return p.tx.DeletePast(state)
}

// giveUp removes a deleted node with all its past, or marks it if there is more to it: what lies below a folder, many
// versions. From then on it is not told any more.
func (p *purger) giveUp(end *db.Past) error {
	below, err := p.tx.HasChildren(end.ID)
	if err != nil {
		return err
	}
	states, err := p.tx.PastOf(end.ID, p.left+1)
	if err != nil {
		return err
	}
	if !below && len(states) <= p.left {
		return p.all(states)
	}
	p.left--
	p.bytes += end.Size
	return p.tx.MarkPurged(end)
}

func (p *purger) all(states []db.Past) error {
	for i := range states {
		if err := p.remove(&states[i]); err != nil {
			return err
		}
	}
	return nil
}

// clear removes what belongs to a marked node as far as it may, and the mark last.
func (p *purger) clear(mark *db.Past) error {
	children, err := p.tx.Children(nil, mark.ID, nil, p.left)
	if err != nil {
		return err
	}
	for i := range children {
		if err := p.child(&children[i], mark); err != nil {
			return err
		}
	}
	if p.left <= 0 {
		return nil
	}
	states, err := p.tx.PastOf(mark.ID, p.left+1)
	if err != nil {
		return err
	}
	if len(states) > p.left {
		states = states[:p.left]
	}
	// The mark is the last of them.
	return p.all(states)
}

// child removes what lies in a marked folder, or marks it in its turn if there is more to it.
func (p *purger) child(c *db.Node, mark *db.Past) error {
	most := max(p.left-1, 0)
	states, err := p.tx.PastOf(c.ID, most+1)
	if err != nil {
		return err
	}
	p.left--
	p.bytes += c.Size
	if err := p.tx.DeleteNode(c.ID); err != nil {
		return err
	}
	if c.Kind != db.Folder && len(states) <= most {
		return p.all(states)
	}
	return p.tx.InsertPast(&db.Past{Node: unnamed(c), Until: mark.Until, Ended: db.Purged, Device: mark.Device, At: mark.At})
}

// unnamed is a node without its content, for which nobody is charged any more.
func unnamed(c *db.Node) db.Node {
	n := *c
	n.Content, n.Size = 0, 0
	return n
}
