package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
	"sluice/internal/hash"
)

// ScrubConfig says what a scrub reads.
type ScrubConfig struct {
	// Share is how much of all bytes to read, more than 0 and at most 1; 0: to the end of the round. A scrub goes on where the
	// last one stopped.
	Share float64
	// Part of Of, counted from 1, reads that part of all contents and does not say how far rounds have come; Of 0: all.
	Part, Of int64
	Rate     int64 // bytes a second at most; 0: no limit
	DryRun   bool  // mark nothing and remember nothing

	Tell     func(Finding) // nil: nobody listens
	Progress *Progress
}

// ScrubReport is what a scrub has read and found.
type ScrubReport struct {
	Contents int64 // read
	Bytes    int64
	Damaged  int64 // found damaged now
	Known    int64 // were known to be, and still are
	Sound    int64 // were known to be, and are not
	Whole    bool  // it came to the end of a round
	Began    int64 // when that round began, ns
}

// scrubber is a scrub under way.
type scrubber struct {
	s      *Store
	config ScrubConfig
	budget budget
	report ScrubReport
	file   fileKey // that fd is open on
	fd     int     // owned; -1: none
	buffer []byte
}

// Scrub reads contents again, from the disk and not from memory, and compares them with their hashes. One that is wrong twice
// is marked: nothing of it is served any more, and the next upload of the same bytes heals it. One that was marked and is
// right, since its file was brought back, is served again. It may run beside a server. ErrInUse: another scrub runs.
func (s *Store) Scrub(ctx context.Context, config ScrubConfig) (ScrubReport, error) {
	l, err := lockFile(s.folder.scrubLock(), exclusive, 0)
	if err != nil {
		return ScrubReport{}, err
	}
	defer l.unlock()
	c := &scrubber{s: s, config: config, budget: newBudget(config.Rate), fd: -1, buffer: make([]byte, scrubWindow)}
	defer c.close()
	err = c.run(ctx)
	return c.report, err
}

func (c *scrubber) run(ctx context.Context) error {
	var state db.Scrub
	var total int64
	err := c.s.read(func(tx *db.Tx) (err error) {
		if state, err = tx.Scrub(); err == nil {
			_, total, err = tx.ScrubBytes()
		}
		return err
	})
	if err != nil {
		return err
	}
	if c.config.Of > 0 {
		state = db.Scrub{}
		total /= c.config.Of
	}
	if state.Next == 0 {
		state.Began, state.Bad = now(), 0
	}
	c.report.Began = state.Began
	limit := int64(0)
	if c.config.Share > 0 {
		limit = max(1, int64(c.config.Share*float64(total)))
		total = limit
	}
	c.config.Progress.Doing("read", total)
	for {
		var batch []db.Extent
		err := c.s.read(func(tx *db.Tx) (err error) {
			batch, err = tx.ToScrub(state.Next, max(c.config.Part-1, 0), c.config.Of, scrubBatch)
			return err
		})
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			state.Next, state.Finished, c.report.Whole = 0, now(), true
			return c.remember(state)
		}
		for i := range batch {
			if err := c.content(ctx, &batch[i], &state); err != nil {
				return errors.Join(err, c.remember(state))
			}
			state.Next = batch[i].ID + 1
			if limit > 0 && c.report.Bytes >= limit {
				return c.remember(state)
			}
		}
		if err := c.remember(state); err != nil {
			return err
		}
	}
}

func (c *scrubber) remember(state db.Scrub) error {
	if c.config.DryRun || c.config.Of > 0 {
		return nil
	}
	return c.s.writeAnyway(func(tx *db.Tx) error { return tx.SetScrub(state) })
}

// content reads one content and judges it.
func (c *scrubber) content(ctx context.Context, e *db.Extent, state *db.Scrub) error {
	good, err := c.sound(ctx, e)
	if err == nil && !good {
		good, err = c.sound(ctx, e) // a cable may lie once
	}
	if err != nil {
		return err
	}
	c.report.Contents++
	c.config.Progress.Add(1, 0)
	switch {
	case good && e.Damaged:
		c.report.Sound++
		c.tell(e, "is right again")
		if !c.config.DryRun {
			return c.s.writeAnyway(func(tx *db.Tx) error { return tx.MarkSound(e.ID) })
		}
	case good:
	case e.Damaged:
		c.report.Known++
		c.tell(e, "is damaged, as was known; who uploads it again heals it")
	default:
		marked := true
		if !c.config.DryRun {
			err := c.s.writeAnyway(func(tx *db.Tx) (err error) {
				marked, err = tx.MarkDamagedAt(e, now())
				return err
			})
			if err != nil {
				return err
			}
		}
		if marked { // else it was moved or removed while it was read
			c.report.Damaged++
			state.Bad++
			c.tell(e, "is damaged: nothing of it is served; who uploads it again heals it")
		}
	}
	return nil
}

func (c *scrubber) tell(e *db.Extent, what string) {
	if c.config.Tell != nil {
		c.config.Tell(Finding{Kind: findMarked, Text: fmt.Sprintf("content %x, %d bytes, hash %x, in %s, %s", e.ID, e.Size, e.Hash, c.place(e), what)})
	}
}

func (c *scrubber) place(e *db.Extent) string {
	if e.Segment != 0 {
		return fmt.Sprintf("segments/%016x from %d on", e.Segment, e.Offset)
	}
	return fmt.Sprintf("objects/%08x/%016x", e.ID>>folderBits, e.ID)
}

// sound tells whether a content's bytes are those of its hash. A file that is gone or ends early and a disk that cannot read
// are damage; other errors are this scrub's own.
func (c *scrubber) sound(ctx context.Context, e *db.Extent) (bool, error) {
	err := c.open(e)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	offset := int64(0)
	if e.Segment != 0 {
		offset = e.Offset
	}
	from := &paced{ctx, &c.budget, &stretch{c.fd, offset, offset + e.Size}, c.config.Progress}
	var sum [32]byte
	if e.Size <= int64(len(c.buffer)) {
		_, err = io.ReadFull(from, c.buffer[:e.Size])
		sum = hash.Sum(c.buffer[:e.Size])
	} else {
		sum, _, err = hash.SumReader(from)
	}
	c.report.Bytes += e.Size
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, unix.EIO) || errors.Is(err, unix.EBADMSG) || errors.Is(err, unix.EUCLEAN) {
		return false, nil
	}
	return err == nil && string(sum[:]) == string(e.Hash), err
}

// open opens a content's file, unless it is the one before's.
func (c *scrubber) open(e *db.Extent) error {
	key, path := fileKey{e.ID, false}, c.s.folder.object(e.ID)
	if e.Segment != 0 {
		key, path = fileKey{e.Segment, true}, c.s.folder.segment(e.Segment)
	}
	if c.fd >= 0 && c.file == key {
		return nil
	}
	c.close()
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	c.file, c.fd = key, fd
	unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED) // what lies in memory proves nothing about the disk
	return nil
}

func (c *scrubber) close() {
	if c.fd >= 0 {
		unix.Close(c.fd)
		c.fd = -1
	}
}

// budget holds reading to a rate.
type budget struct {
	rate int64
	due  time.Time // when the next byte may be read
}

func newBudget(rate int64) budget { return budget{rate: rate, due: time.Now()} }

// spend waits until n bytes more were due; time that was not used is lost, but for a tenth of a second.
func (b *budget) spend(ctx context.Context, n int64) error {
	if b.rate <= 0 || n <= 0 {
		return ctx.Err()
	}
	at := time.Now()
	if least := at.Add(-100 * time.Millisecond); b.due.Before(least) {
		b.due = least
	}
	b.due = b.due.Add(time.Duration(float64(n) / float64(b.rate) * float64(time.Second)))
	if wait := b.due.Sub(at); wait > 0 && !pause(ctx, wait) {
		return ctx.Err()
	}
	return ctx.Err()
}

// paced reads at a budget's rate.
type paced struct {
	ctx      context.Context
	budget   *budget
	from     io.Reader
	progress *Progress
}

func (p *paced) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := p.from.Read(b)
	p.progress.Add(0, int64(n))
	if e := p.budget.spend(p.ctx, int64(n)); e != nil {
		return n, e
	}
	return n, err
}
