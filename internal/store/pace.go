package store

import (
	"context"
	"time"
)

// A pace is the collector's budget. A batch holds the gate for a few milliseconds at most, and after it the collector rests: for
// long while others commit, so that they hardly notice it, and for less while nobody does. Every row costs others more than the
// time it takes: the pages it changes go through the log.
const (
	batchLeast = 10
	batchFirst = 100
	batchMost  = sweepBatch
	gateShort  = 1500 * time.Microsecond // a batch that held the gate for less may be larger next time
	gateLong   = 4 * time.Millisecond    // and one that held it for longer must be smaller
	restBusy   = 8                       // rests so many times as long as it worked, while others commit
	restQuiet  = 2
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

// held tells for how long a batch's transaction held the gate: the next one is larger or smaller.
func (p *pace) held(gate time.Duration) {
	switch {
	case gate > gateLong:
		p.size = max(p.size/2, batchLeast)
	case gate < gateShort:
		p.size = min(p.size*2, batchMost)
	}
}

// rest is called after a batch of own commits that took so long in all; false: ctx has ended.
func (p *pace) rest(ctx context.Context, took time.Duration, own uint64) bool {
	times := time.Duration(restQuiet)
	if p.busy(own) {
		times = restBusy
	}
	return pause(ctx, min(max(times*took, restLeast), restMost))
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
