package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// results are the figures of a benchstat file: workload, variant, unit, one value for each run.
type results map[string]map[string]map[string][]float64

// readResults reads Go benchmark lines as the harness writes them: BenchmarkWORKLOAD/who=VARIANT-CORES, how many, then
// pairs of value and unit. Other lines are passed over, as benchstat does.
func readResults(r io.Reader) (results, error) {
	all := make(results)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 4 || len(f)%2 != 0 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		workload, who, ok := strings.Cut(strings.TrimPrefix(f[0], "Benchmark"), "/who=")
		if !ok {
			continue
		}
		if at := strings.LastIndexByte(who, '-'); at > 0 {
			who = who[:at]
		}
		for i := 2; i < len(f); i += 2 {
			v, err := strconv.ParseFloat(f[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f[0], err)
			}
			all.add(workload, who, f[i+1], v)
		}
	}
	return all, lines.Err()
}

func (r results) add(workload, who, unit string, v float64) {
	if r[workload] == nil {
		r[workload] = make(map[string]map[string][]float64)
	}
	if r[workload][who] == nil {
		r[workload][who] = make(map[string][]float64)
	}
	r[workload][who][unit] = append(r[workload][who][unit], v)
}

// spread is what the runs of one variant have in common: lowest, median, highest. ok is false without runs.
func (r results) spread(workload, who, unit string) (low, mid, high float64, ok bool) {
	v := slices.Sorted(slices.Values(r[workload][who][unit]))
	n := len(v)
	if n == 0 {
		return 0, 0, 0, false
	}
	return v[0], (v[(n-1)/2] + v[n/2]) / 2, v[n-1], true
}

// variants of some workloads, ours first, the others by name.
func (r results) variants(workloads []string) []string {
	var all []string
	for _, w := range workloads {
		for who := range r[w] {
			if !slices.Contains(all, who) {
				all = append(all, who)
			}
		}
	}
	slices.SortFunc(all, func(a, b string) int {
		if (a == "sluice") != (b == "sluice") {
			if a == "sluice" {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	return all
}
