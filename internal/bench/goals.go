package bench

import "fmt"

// goal is a figure to reach: a ratio of ours to another variant, within the rounds of this run.
type goal struct {
	workload workload
	versus   string
	figure   func(measure) float64
	what     string
	bound    float64
	atMost   bool
	aim      float64 // 0: none beyond the bound
}

func goals() []goal {
	rate, server := measure.rate, measure.serverCPU
	return []goal{
		{down1, "floor", server, "server CPU", 1.2, true, 0},
		{down1, "floor", rate, "throughput", 0.9, false, 0},
		{down4, "floor", server, "server CPU", 1.2, true, 0},
		{down4, "floor", rate, "throughput", 0.9, false, 0},
		{up1, "floor", rate, "throughput", 0.8, false, 0},
		{up4, "floor", rate, "throughput", 0.85, false, 0},
		{up1, "rsync", rate, "throughput", 1.5, false, 2},
		{treeFirst, "rsync", rate, "files a second", 1, false, 2},
		{treeSame, "rsync", rate, "files a second", 2, false, 3},
		{pings, "floor", rate, "requests a second", 0.6, false, 0},
		{smalls, "nginx", rate, "requests a second", 0.5, false, 0},
		{batched, "nginx", rate, "contents a second", 2, false, 0},
	}
}

// verdict compares the median ratio with the bound.
func (g goal) verdict(ratios []float64) (text string, reached bool) {
	got := median(ratios)
	reached = len(ratios) > 0 && (g.atMost && got <= g.bound || !g.atMost && got >= g.bound)
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
