package bench

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestQuantiles(t *testing.T) {
	upTo := func(n int) []time.Duration {
		all := make([]time.Duration, n)
		for i, p := range rand.Perm(n) { // the order they come in does not count
			all[i] = time.Duration(p + 1)
		}
		return all
	}
	for _, row := range []struct {
		n    int
		want quantiles
	}{
		{0, quantiles{}},
		{1, quantiles{1, 1, 1}},
		{2, quantiles{1, 2, 2}},
		{100, quantiles{50, 99, 100}},
		{101, quantiles{51, 100, 101}},
		{1000, quantiles{500, 990, 999}},
		{10_000, quantiles{5000, 9900, 9990}},
	} {
		if got := quantilesOf(upTo(row.n)); got != row.want {
			t.Errorf("1 to %d: %v, want %v", row.n, got, row.want)
		}
	}
}

// What bulk transfers may do to the slowest answers: 5 times the time alone, or 10 ms if that is more.
func TestBurden(t *testing.T) {
	at := func(p99 time.Duration) measure { return measure{wall: time.Second, delay: quantiles{P99: p99}} }
	got := burden(found{
		statAlone.name: {"sluice": {at(time.Millisecond), at(4 * time.Millisecond), {}, at(time.Millisecond)}},
		statBusy.name:  {"sluice": {at(5 * time.Millisecond), at(30 * time.Millisecond), at(time.Second)}},
	})
	if len(got) != 2 || got[0] != 0.5 || got[1] != 1.5 {
		t.Errorf("%v, want [0.5 1.5]", got)
	}
}

func TestGoalValues(t *testing.T) {
	runs := func(walls ...time.Duration) (s series) {
		for _, w := range walls {
			s = append(s, measure{units: 1, wall: w, memory: 7})
		}
		return s
	}
	all := found{up1.name: {"sluice": runs(2 * time.Second), "disk": runs(time.Second), "rsync": runs(4 * time.Second)}, idles.name: {"sluice": runs(time.Second)}}
	for _, row := range []struct {
		goal goal
		want float64
	}{
		{goal{workload: up1, versus: "rsync", figure: measure.rate}, 2},
		{goal{workload: up1, versus: "rsync", figure: measure.rate, from: "disk"}, 4},
		{goal{workload: idles, figure: measure.pss}, 7},
	} {
		if got := row.goal.values(all); len(got) != 1 || got[0] != row.want {
			t.Errorf("%+v: %v, want %v", row.goal, got, row.want)
		}
	}
	if got := (goal{workload: down1, versus: "floor", figure: measure.rate}).values(all); len(got) != 0 {
		t.Errorf("a figure of nothing: %v", got)
	}
}

// A server that stands still counts for every request that was due meanwhile.
func TestProbeCountsWhatWasDue(t *testing.T) {
	echo := floor(t, "floor-echo", job{Request: preludeLen, Reply: preludeLen, Loops: 1})
	a, _, err := runSelf(t.Context(), "probe", job{
		Protocol: "bare", Address: echo.address, Server: echo.pid(), Connections: 2, Pace: 5 * time.Millisecond,
		Duration: 100 * time.Millisecond, Requests: [][]byte{pingFrame()}, Reply: preludeLen,
	})
	if err != nil {
		t.Fatal(err)
	}
	// As many as were due, however slow the machine is: those that came late are not left out.
	if a.Units < 38 || a.Units > 40 || a.Delay.P50 <= 0 || a.Delay.P99 < a.Delay.P50 || a.Moved <= 0 {
		t.Errorf("%+v", a)
	}
}

func TestMemory(t *testing.T) {
	echo := floor(t, "floor-echo", job{Request: 1, Reply: 1, Loops: 1})
	bytes, err := treePSS(echo.pid())
	if err != nil || bytes < 100<<10 || bytes > 1<<30 {
		t.Errorf("%d, %v", bytes, err)
	}
	if _, err := treePSS(1 << 30); err != nil {
		t.Errorf("processes that are not there: %v", err)
	}
}
