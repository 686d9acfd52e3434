package store

import (
	"context"
	"time"

	"sluice/internal/db"
)

// A pace is the collector's budget. While others are at work, a batch's rows may take the gate and a processor for a share
// of what its COMMIT takes anyway: however fast the disk is, to others a batch is then one more small commit, not one that
// they wait out. What the rows cost after them, as their pages go through the log, is about twice what they cost before.
// While nobody is, a batch may take a few milliseconds. After it the collector rests, for much longer while others are.
const (
	batchLeast = 4
	batchFirst = 8
	batchMost  = sweepBatch
	workShare  = 8                     // of the time of COMMIT: one part in so many
	workLeast  = 50 * time.Microsecond // a batch whose rows took less is never too large
	workMost   = 4 * time.Millisecond  // and one whose rows took more always is
	restBusy   = 32                    // rests so many times as long as it worked, beside others: few of their requests meet it
	restHurry  = 8                     // the same in a hurry: late, short of space, or waited for
	restQuiet  = 2
	restLeast  = 2 * time.Millisecond
	restMost   = 2 * time.Second
	ownCommits = 1 // of a batch; one that makes more looks like somebody else's
)

type pace struct {
	size     int           // rows of the next batch
	changes  func() uint64 // nil: nobody counts, so somebody may be at work
	requests func() uint64 // nil: only commits are counted
	changed  uint64        // the former, when last seen
	answered uint64        // the latter
	others   bool          // were at work beside the last batch
}

func newPace(changes, requests func() uint64) *pace {
	p := &pace{size: batchFirst, changes: changes, requests: requests}
	p.busy()
	p.others = true
	return p
}

// held tells how long a batch's transaction worked on its rows, and how long the COMMIT after it took: the next batch is
// larger or smaller.
func (p *pace) held(work, commit time.Duration) {
	most := workMost
	if p.others {
		most = min(max(commit/workShare, workLeast), workMost)
	}
	switch {
	case work > most:
		p.size = max(p.size/2, batchLeast)
	case work < most/3: // twice as much is below the limit with certainty
		p.size = min(p.size*2, batchMost)
	}
}

// timed carries out a batch's transaction by write, and takes the time.
func (p *pace) timed(write func(func(tx *db.Tx) error) error, fn func(tx *db.Tx) error) error {
	var began, ended time.Time
	err := write(func(tx *db.Tx) error {
		began = time.Now()
		defer func() { ended = time.Now() }()
		return fn(tx)
	})
	if err == nil {
		p.held(ended.Sub(began), time.Since(ended))
	}
	return err
}

// rest is called after a batch that took so long in all; false: ctx has ended.
func (p *pace) rest(ctx context.Context, took time.Duration, hurry bool) bool {
	times := time.Duration(restQuiet)
	before := p.others
	p.others = p.busy()
	switch {
	case p.others && hurry:
		times = restHurry
	case p.others:
		times = restBusy
	}
	if p.others && !before {
		p.size = min(p.size, batchFirst)
	}
	return pause(ctx, min(max(times*took, restLeast), restMost))
}

// busy tells whether others have committed or been answered since it was asked last.
func (p *pace) busy() bool {
	if p.changes == nil {
		return true
	}
	before, was := p.changed, p.answered
	p.changed = p.changes()
	if p.requests != nil {
		p.answered = p.requests()
	}
	return p.changed-before > ownCommits || p.answered != was
}
