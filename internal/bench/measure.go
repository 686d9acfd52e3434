package bench

import (
	"slices"
	"time"
)

// measure is one run of one variant.
type measure struct {
	units   float64       // GiB, files, requests
	wall    time.Duration // from the first byte of the request to the answer that ends the work
	server  time.Duration // CPU
	client  time.Duration // CPU
	memory  int64         // of an idle run: bytes the server's processes have grown by
	total   int64         // bytes they have in all
	moved   int64         // of a run beside bulk transfers: bytes over loopback
	wire    int64         // bytes over the wire, both ways
	size    int64         // of the file that was sent again
	written int64         // bytes the server has made the kernel write
	delay   quantiles     // of a run that times each request
}

func (m measure) rate() float64      { return m.units / m.wall.Seconds() }
func (m measure) serverCPU() float64 { return m.server.Seconds() / m.units }
func (m measure) clientCPU() float64 { return m.client.Seconds() / m.units }

func (m measure) seconds() float64 { return m.wall.Seconds() }
func (m measure) bothCPU() float64 { return (m.server + m.client).Seconds() / m.units }
func (m measure) onWire() float64  { return float64(m.wire) }
func (m measure) share() float64   { return float64(m.wire) / float64(m.size) }
func (m measure) toDisk() float64  { return float64(m.written) }

func (m measure) eachSecond() float64 { return m.wall.Seconds() / m.units }

func (m measure) each() float64      { return float64(m.wall.Nanoseconds()) / m.units }
func (m measure) pss() float64       { return float64(m.memory) / m.units }
func (m measure) mebibytes() float64 { return m.pss() / (1 << 20) }
func (m measure) load() float64      { return m.server.Seconds() / m.wall.Seconds() }
func (m measure) beside() float64    { return float64(m.moved) / gib / m.wall.Seconds() }
func (m measure) p50() float64       { return float64(m.delay.P50) }
func (m measure) p99() float64       { return float64(m.delay.P99) }
func (m measure) p999() float64      { return float64(m.delay.P999) }

// series is all rounds of one variant. A round that failed has no wall time.
type series []measure

func (s series) of(figure func(measure) float64) []float64 {
	var all []float64
	for _, m := range s {
		if m.wall > 0 {
			all = append(all, figure(m))
		}
	}
	return all
}

// ratios are s over other, round by round.
func (s series) ratios(other series, figure func(measure) float64) []float64 {
	var all []float64
	for i := range min(len(s), len(other)) {
		if s[i].wall > 0 && other[i].wall > 0 {
			if below := figure(other[i]); below > 0 {
				all = append(all, figure(s[i])/below)
			}
		}
	}
	return all
}

// median of nothing is 0.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	if mid := len(v) / 2; len(v)%2 == 1 {
		return v[mid]
	} else {
		return (v[mid-1] + v[mid]) / 2
	}
}
