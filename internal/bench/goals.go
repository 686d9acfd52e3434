package bench

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// goal is a figure to reach: a ratio of ours to another variant within the rounds of this run, or a figure of ours.
type goal struct {
	workload workload
	versus   string // a variant; empty: the figure itself counts
	figure   func(measure) float64
	what     string
	bound    float64
	atMost   bool
	aim      float64 // 0: none beyond the bound
	from     string  // the variant that is looked at; empty: ours
	note     bool    // it is shown, and cannot be missed
	own      func(found) []float64
}

// found are all results: workload, variant.
type found = map[string]map[string]series

func goals() []goal {
	rate, server := measure.rate, measure.serverCPU
	return []goal{
		{workload: down1, versus: "floor", figure: server, what: "server CPU", bound: 1.2, atMost: true},
		{workload: down1, versus: "floor", figure: rate, what: "throughput", bound: 0.9},
		{workload: down4, versus: "floor", figure: server, what: "server CPU", bound: 1.2, atMost: true},
		{workload: down4, versus: "floor", figure: rate, what: "throughput", bound: 0.9},
		{workload: up1, versus: "floor", figure: rate, what: "throughput", bound: 0.8},
		{workload: up4, versus: "floor", figure: rate, what: "throughput", bound: 0.85},
		{workload: up1, versus: "rsync", figure: rate, what: "throughput", bound: 1.5, aim: 2},
		{workload: up1, versus: "rsync", figure: rate, what: "the disk's own throughput", from: "disk", note: true},
		{workload: up1, versus: "disk", figure: rate, what: "throughput", note: true},
		{workload: deltaInsert, versus: "rsync", figure: measure.onWire, what: "bytes on the wire", bound: 1, atMost: true},
		{workload: deltaInsert, versus: "rsync", figure: measure.seconds, what: "time", bound: 1, atMost: true},
		{workload: deltaInsert, versus: "rsync", figure: measure.bothCPU, what: "CPU of both ends", bound: 1, atMost: true},
		{workload: deltaBlocks, what: "bytes the server writes, of 3 % of the file", bound: 1, atMost: true, own: spared},
		{workload: resumed, what: "bytes on the wire after the kill, of the file's", figure: measure.share, bound: 0.51, atMost: true},
		{workload: treeFirst, versus: "rsync", figure: rate, what: "files a second", bound: 1, aim: 2},
		{workload: treeSame, versus: "rsync", figure: rate, what: "files a second", bound: 2, aim: 3},
		{workload: treeCopied, versus: "first", what: "time of a second copy, of that of the first push", bound: 0.3, atMost: true, own: second},
		{workload: workload{name: "Names/op=ls"}, versus: "fewest", what: "time of ls with the most names", bound: 1.5, atMost: true, own: grown("ls")},
		{workload: workload{name: "Names/op=stat"}, versus: "fewest", what: "time of stat with the most names", bound: 1.5, atMost: true, own: grown("stat")},
		{workload: workload{name: "Names/op=put"}, versus: "fewest", what: "time of one put with the most names", bound: 1.5, atMost: true, own: grown("put")},
		{workload: workload{name: "Names/op=mv"}, versus: "fewest", what: "time to rename the folder of the most names", bound: 1.5, atMost: true, own: grown("mv")},
		{workload: pings, versus: "floor", figure: rate, what: "requests a second", bound: 0.6},
		{workload: smalls, versus: "nginx", figure: rate, what: "requests a second", bound: 0.5},
		{workload: batched, versus: "nginx", figure: rate, what: "contents a second", bound: 2},
		{workload: connects, versus: "floor", figure: rate, what: "connections a second", bound: 0.9},
		{workload: statBusy, what: "p99, of the greater of 10 ms and 5 times that alone", bound: 1, atMost: true, own: burden},
		{workload: sweptStat, versus: "alone", what: "p99 of stat while contents are collected", bound: 1.5, atMost: true, own: delayed(collectStat, sweptStat)},
		{workload: sweptPut, versus: "alone", what: "p99 of a small upload while contents are collected", bound: 1.5, atMost: true, own: delayed(collectPut, sweptPut)},
		{workload: idles, figure: measure.pss, what: "bytes of memory a connection", bound: 4096, atMost: true},
		{workload: idles, figure: func(m measure) float64 { return 100 * m.load() }, what: "server CPU, % of a core", bound: 1, atMost: true},
		{workload: syncFirst, versus: "push", figure: measure.seconds, what: "time of a first two-way sync, of that of a push", bound: 1.2, atMost: true},
		{workload: syncSame, versus: "rsync", figure: measure.seconds, what: "time of a two-way sync with nothing changed", bound: 0.3, atMost: true},
		{workload: workload{name: watchChange}, figure: measure.eachSecond, what: "s until a changed file is on the other device", bound: 1, atMost: true},
		{workload: workload{name: watchChange}, figure: measure.bothCPU, what: "s of CPU of both clients and the server, for a changed file", bound: 0.05, atMost: true},
		{workload: workload{name: watchIdle}, figure: measure.mebibytes, what: "MiB of memory of an idle watcher", bound: 64, atMost: true},
	}
}

// second is the time of a second copy as a share of that of the first push.
func second(all found) []float64 {
	return all[treeCopied.name]["sluice"].ratios(all[treeFirst.name]["sluice"], func(m measure) float64 { return m.wall.Seconds() })
}

// grown is how much longer a request takes in the account with the most names than in the one with the fewest.
func grown(op string) func(found) []float64 {
	return func(all found) []float64 {
		var few, most series
		least, greatest := math.MaxInt, 0
		for name, variants := range all {
			text, ok := strings.CutPrefix(name, "Names/op="+op+"/names=")
			n, err := strconv.Atoi(text)
			if !ok || err != nil {
				continue
			}
			if n < least {
				least, few = n, variants["sluice"]
			}
			if n > greatest {
				greatest, most = n, variants["sluice"]
			}
		}
		return most.ratios(few, measure.each)
	}
}

// delayed is how much slower the slowest answers are in one workload than in another, round by round.
func delayed(alone, busy workload) func(found) []float64 {
	return func(all found) []float64 {
		return all[busy.name]["sluice"].ratios(all[alone.name]["sluice"], measure.p99)
	}
}

// burden is what bulk transfers do to the slowest answers, round by round, as a share of what they may do.
func burden(all found) []float64 {
	alone, busy := all[statAlone.name]["sluice"], all[statBusy.name]["sluice"]
	var shares []float64
	for i := range min(len(alone), len(busy)) {
		if alone[i].wall > 0 && busy[i].wall > 0 {
			shares = append(shares, busy[i].p99()/max(5*alone[i].p99(), float64(10*time.Millisecond)))
		}
	}
	return shares
}

// spared is what the server has written, round by round, as a share of what it may write.
func spared(all found) []float64 {
	var shares []float64
	for _, m := range all[deltaBlocks.name]["sluice"] {
		if m.wall > 0 {
			shares = append(shares, float64(m.written)/(0.03*float64(m.size)))
		}
	}
	return shares
}

// values are the goal's figure in each round.
func (g goal) values(all found) []float64 {
	of, from := all[g.workload.name], g.from
	if from == "" {
		from = "sluice"
	}
	switch {
	case g.own != nil:
		return g.own(all)
	case g.versus == "":
		return of[from].of(g.figure)
	}
	return of[from].ratios(of[g.versus], g.figure)
}

func (g goal) against() string {
	if g.versus == "" {
		return "-"
	}
	return g.versus
}

// verdict compares the median with the bound.
func (g goal) verdict(values []float64) (text string, reached bool) {
	if g.note {
		return "what is durable is no faster than the disk", true
	}
	got := median(values)
	reached = len(values) > 0 && (g.atMost && got <= g.bound || !g.atMost && got >= g.bound)
	word := "at least"
	if g.atMost {
		word = "at most"
	}
	text = fmt.Sprintf("%s %g", word, g.bound)
	if g.aim > 0 {
		text += fmt.Sprintf(", aim %g", g.aim)
	}
	return text, reached
}
