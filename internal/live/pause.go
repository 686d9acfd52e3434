package live

import (
	"math/rand/v2"
	"time"
)

const (
	firstPause = time.Second
	mostPause  = 5 * time.Minute
)

// pauses are the waits between tries: each twice as long as the one before, up to mostPause, and then between half and
// the whole of that by chance.
type pauses struct{ tries int }

func (p *pauses) next() time.Duration {
	d := mostPause
	if p.tries < 16 {
		d = min(firstPause<<p.tries, mostPause)
	}
	p.tries++
	return d/2 + rand.N(d/2+1)
}

func (p *pauses) reset() { p.tries = 0 }
