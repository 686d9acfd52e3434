package store

import "time"

// Instant says whose contents an upload may be spared for.
type Instant string

const (
	InstantProof Instant = "proof" // anybody's, after proving to have the bytes
	InstantOwn   Instant = "own"   // one's own
	InstantOff   Instant = "off"   // nobody's: all is sent
)

// Policy is what an administrator decides about keeping. The zero value of a field is its default.
type Policy struct {
	Instant  Instant
	Versions time.Duration // a replaced content stays readable so long
	Trash    time.Duration // a deleted name stays readable so long
	Partials time.Duration // an upload that nobody goes on with is kept so long
	Grace    time.Duration // a content that nothing names stays so long before it is collected
	LowSpace int64         // with less than this free, uploads are refused early, bytes; never more than a 20th of the disk
}

// DefaultPolicy is what holds where nothing is said.
func DefaultPolicy() Policy {
	return Policy{
		Instant:  InstantProof,
		Versions: 30 * 24 * time.Hour,
		Trash:    30 * 24 * time.Hour,
		Partials: 7 * 24 * time.Hour,
		Grace:    time.Hour,
		LowSpace: 512 << 20,
	}
}

// withDefaults fills in what is not said.
func (p Policy) withDefaults() Policy {
	d := DefaultPolicy()
	if p.Instant == "" {
		p.Instant = d.Instant
	}
	for _, f := range []struct{ to, from *time.Duration }{
		{&p.Versions, &d.Versions}, {&p.Trash, &d.Trash}, {&p.Partials, &d.Partials}, {&p.Grace, &d.Grace},
	} {
		if *f.to == 0 {
			*f.to = *f.from
		}
	}
	if p.LowSpace == 0 {
		p.LowSpace = d.LowSpace
	}
	return p
}
