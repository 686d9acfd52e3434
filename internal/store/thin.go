package store

import (
	"context"
	"time"

	"sluice/internal/db"
)

// Moments are kept for good, as they tell when and by whom a version came, but fewer of old ones: of those of one device
// the last in a minute after a day, and the last in an hour after a month.
const (
	thinEvery  = 24 * time.Hour
	thinAfter  = 24 * time.Hour
	thinLater  = 30 * 24 * time.Hour
	thinToSpan = time.Minute
	thinToMore = time.Hour
	thinAtOnce = 10_000
)

// thin removes moments between which nobody needs to tell any more. It looks at all there are, so it is done once a day.
func (s *Store) thin(ctx context.Context, at time.Time) error {
	for _, step := range []struct{ after, span time.Duration }{{thinLater, thinToMore}, {thinAfter, thinToSpan}} {
		for full := true; full && ctx.Err() == nil; {
			var spare []db.MomentKey
			err := s.read(func(tx *db.Tx) (err error) {
				spare, err = tx.SpareMoments(at.Add(-step.after).UnixNano(), int64(step.span), thinAtOnce)
				return err
			})
			if err != nil {
				return err
			}
			full = len(spare) == thinAtOnce
			for len(spare) > 0 {
				batch := spare[:min(len(spare), purgeBatch)]
				spare = spare[len(batch):]
				if err := s.writeAnyway(func(tx *db.Tx) error { return tx.DeleteMoments(batch) }); err != nil {
					return err
				}
				pause(ctx, purgePause)
			}
		}
	}
	return nil
}
