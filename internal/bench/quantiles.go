package bench

import (
	"math"
	"slices"
	"time"
)

// quantiles of many times: the greatest of the fastest half, 99 % and 99.9 %.
type quantiles struct {
	P50, P99, P999 time.Duration
}

// quantilesOf sorts what it is given. By nearest rank: each is a time that was measured, none lies between two.
func quantilesOf(all []time.Duration) quantiles {
	slices.Sort(all)
	return quantiles{P50: rank(all, 0.5), P99: rank(all, 0.99), P999: rank(all, 0.999)}
}

// rank of nothing is 0.
func rank(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	// A share is not exact in binary: 0.99 of 100 must be 99, not the next above it.
	at := int(math.Ceil(share*float64(len(sorted)) - 1e-9))
	return sorted[min(max(at, 1), len(sorted))-1]
}
