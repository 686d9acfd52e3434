package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sluice/internal/db"
)

const (
	collectSoonest = time.Second // the collector looks for what is due at a tenth of the grace period, within these
	collectLatest  = time.Minute
	collectLate    = time.Hour              // what has been due for so long is collected faster
	batchWait      = 200 * time.Millisecond // for another collector's batch; a backup takes longer, and is not waited for
)

// Collected is what a round of the collector has removed, or would remove.
type Collected struct {
	Contents int64 // complete contents that nothing named for longer than the grace period
	Bytes    int64 // theirs
	Segments int64 // segments that were removed
	Copied   int64 // bytes that were copied out of them
	Freed    int64 // bytes that the removed segments' files were longer than what was copied out of them
	Tails    int64 // bytes taken ahead of a segment's end that its life did not need
	Waits    int64 // contents that nothing names, within the grace period
	Held     bool  // a backup or a check is at work: the rest is for later
}

// collector removes contents nobody names, and gives back the room they leave in segments. It is one round.
type collector struct {
	s      *Store
	before int64 // what was doomed earlier is collected, ns
	asked  bool  // somebody waits for it
	late   bool  // some has been due for long
	pace   *pace
	wait   time.Duration  // for collector.lock, at each batch
	stuck  map[int64]bool // segments that hold what cannot be moved
	files  int            // of condemned contents, to be removed
	result Collected
}

// Collect removes every complete content that nothing has named for longer than the grace period, and copies what lives
// in mostly dead segments together. It works in small batches with rests, so it may take long; ctx ends it between two. It
// may run beside another one.
func (s *Store) Collect(ctx context.Context) (Collected, error) {
	c := s.newCollector(time.Now(), commandWait, make(map[int64]bool))
	c.asked = true
	done, err := c.round(ctx)
	if err != nil {
		return done, err
	}
	left, err := s.ToCollect()
	done.Waits = left.Waits
	return done, err
}

func (s *Store) newCollector(at time.Time, wait time.Duration, stuck map[int64]bool) *collector {
	return &collector{
		s: s, before: at.Add(-s.config.Policy.Grace).UnixNano(), pace: newPace(s.config.Changes, s.config.Requests), wait: wait, stuck: stuck,
	}
}

func (c *collector) round(ctx context.Context) (Collected, error) {
	err := c.contents(ctx)
	if err == nil { // a file that cannot be removed is no reason to keep segments
		err = errors.Join(c.leavings(ctx), c.segments(ctx))
	}
	if errors.Is(err, ErrInUse) {
		c.result.Held, err = true, nil
	}
	return c.result, err
}

// String tells it in a line of the log.
func (c Collected) String() string {
	return fmt.Sprintf("collected %d contents (%d bytes) and %d segments (%d bytes dead in them, %d copied), %d bytes cut off segments' ends",
		c.Contents, c.Bytes, c.Segments, c.Freed, c.Copied, c.Tails)
}

// ToCollect tells what Collect would do, as far as can be told without doing it: segments that become mostly dead by it are
// not among those it counts.
func (s *Store) ToCollect() (Collected, error) {
	var c Collected
	err := s.read(func(tx *db.Tx) error {
		w, err := tx.Waiting(time.Now().Add(-s.config.Policy.Grace).UnixNano())
		if err != nil {
			return err
		}
		c.Contents, c.Bytes, c.Waits = w.Due, w.DueBytes, w.All-w.Due
		wasteful, err := tx.Wasteful(manySegments)
		for _, g := range wasteful {
			c.Segments++
			c.Freed += g.Dead
			c.Copied += g.Size - g.Dead
		}
		return err
	})
	return c, err
}

// batch does one piece of work under collector.lock, which a backup or a check holds off by taking it shared, and rests
// after it.
func (c *collector) batch(ctx context.Context, do func() error) error {
	l, err := lockFile(c.s.folder.collectorLock(), exclusive, c.wait)
	if err != nil {
		return err
	}
	began := time.Now()
	err = do()
	took := time.Since(began)
	l.unlock()
	if err != nil {
		return err
	}
	if !c.pace.rest(ctx, took, c.hurries()) {
		return ctx.Err()
	}
	return nil
}

// hurries tells whether it is to be faster than is good for others.
func (c *collector) hurries() bool { return c.asked || c.late || c.s.lowSpace() }

// contents removes doomed contents, and the files of many of them together: each time a folder is synced for it.
func (c *collector) contents(ctx context.Context) error {
	for ctx.Err() == nil {
		var due []db.Doomed
		err := c.s.read(func(tx *db.Tx) (err error) {
			due, err = tx.Doomed(c.before, c.pace.size)
			return err
		})
		c.late = len(due) > 0 && due[0].Since < time.Now().Add(-c.s.config.Policy.Grace-collectLate).UnixNano()
		if err != nil || len(due) == 0 {
			return err
		}
		before := c.result.Contents
		if err := c.batch(ctx, func() error { return c.remove(due) }); err != nil {
			return err
		}
		if c.result.Contents == before { // all of them are named again
			return nil
		}
		if c.files >= sweepBatch {
			if err := c.leavings(ctx); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// leavings removes the files of condemned contents, what rounds that were cut off have left, and ended uploads.
func (c *collector) leavings(ctx context.Context) error {
	c.files = 0
	for ctx.Err() == nil {
		var left []int64
		err := c.s.read(func(tx *db.Tx) (err error) {
			left, err = tx.Unfinished(c.pace.size)
			return err
		})
		if err != nil || len(left) == 0 {
			return err
		}
		if err := c.batch(ctx, func() error { return c.s.discard(left) }); err != nil {
			return fmt.Errorf("remove what contents have left: %w", err)
		}
	}
	return ctx.Err()
}

// removal is what a batch removes from one segment: so many bytes, the last of them before end.
type removal struct{ bytes, end int64 }

// remove removes contents, each of which the transaction looks at again: one that is named now, as the same content was
// uploaded or linked meanwhile, stays. After it nobody can find them. Those in segments are gone then and leave dead space;
// what those with a file of their own leave is an ended upload's, for leavings.
func (c *collector) remove(due []db.Doomed) error {
	var files int
	var done Collected
	err := c.pace.timed(c.s.writeAnyway, func(tx *db.Tx) error {
		files, done = 0, Collected{}
		dead := make(map[int64]removal)
		for _, d := range due {
			remove := tx.Condemn
			if d.Segment != 0 {
				remove = tx.DeleteDoomed
			}
			removed, err := remove(d.ID, c.before)
			if err != nil {
				return err
			}
			if !removed {
				continue
			}
			done.Contents++
			done.Bytes += d.Size
			if d.Segment != 0 {
				g := dead[d.Segment]
				dead[d.Segment] = removal{g.bytes + d.Size, max(g.end, d.Offset+d.Size)}
			} else {
				files++
			}
		}
		for segment, g := range dead {
			if err := tx.AddDead(segment, g.bytes, g.end); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("collect contents: %w", err)
	}
	c.files += files
	c.result.Contents += done.Contents
	c.result.Bytes += done.Bytes
	return c.s.step("contents condemned")
}

// collectEvery is how often the keeper looks for what is due: often enough that the grace period means what it says.
func (p Policy) collectEvery() time.Duration {
	return min(max(p.Grace/10, collectSoonest), collectLatest)
}

// collecting is the collector within the keeper.
func (s *Store) collecting(ctx context.Context) {
	stuck := make(map[int64]bool)
	for pause(ctx, s.config.Policy.collectEvery()) && !s.stopped.Load() {
		done, err := s.newCollector(time.Now(), batchWait, stuck).round(ctx)
		if err != nil && ctx.Err() == nil {
			s.config.Log("warn", "collect what nobody names", err)
		}
		if done.Contents > 0 || done.Segments > 0 || done.Tails > 0 {
			s.config.Log("info", done.String(), nil)
		}
	}
}
