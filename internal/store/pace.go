package store

import (
	"context"
	"time"
)

// A pace is the collector's budget. A batch holds the gate for a few milliseconds at most, and after it the collector rests: for
// longer while others commit, so that they hardly notice it, for as long as it worked while nobody does.
const (
	batchLeast = 10
	batchFirst = 100
	batchMost  = sweepBatch
	batchShort = 4 * time.Millisecond  // a batch that took less may be larger next time
	batchLong  = 12 * time.Millisecond // and one that took more must be smaller
	restBusy   = 4                     // rests so many times as long as it worked, while others commit
	restLeast  = 2 * time.Millisecond
	restMost   = 2 * time.Second
)

type pace struct {
	size    int           // rows of the next batch
	changes func() uint64 // nil: nobody counts, so somebody may be at work
	seen    uint64
}

func newPace(changes func() uint64) *pace {
	p := &pace{size: batchFirst, changes: changes}
	if changes != nil {
		p.seen = changes()
	}
	return p
}

// rest is called after a batch of own commits that took so long; false: ctx has ended.
func (p *pace) rest(ctx context.Context, took time.Duration, own uint64) bool {
	switch {
	case took > batchLong:
		p.size = max(p.size/2, batchLeast)
	case took < batchShort:
		p.size = min(p.size*2, batchMost)
	}
	rest := took
	if p.busy(own) {
		rest = restBusy * took
	}
	return pause(ctx, min(max(rest, restLeast), restMost))
}

// busy tells whether others have committed since it was asked last.
func (p *pace) busy(own uint64) bool {
	if p.changes == nil {
		return true
	}
	now := p.changes()
	others := now - p.seen
	p.seen = now
	return others > own
}
