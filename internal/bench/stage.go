package bench

import (
	"context"
	"fmt"
	"io"
	"time"
)

// workload is something to be done by several variants.
type workload struct {
	name  string // as benchstat shall see it
	title string
	unit  unit
}

// stage is a set of workloads that share servers. Its round does every workload once with every variant.
type stage interface {
	name() string
	workloads() []workload
	begin(ctx context.Context, h *harness) error
	round(ctx context.Context, h *harness, number int) error
	end()
}

// fewer is a stage whose rounds take long and differ little.
type fewer interface{ rounds(h *harness) int }

// harness is a whole run.
type harness struct {
	*options
	folders *folders
	source  string // the large file
	log     io.Writer
	results map[string]map[string]series // workload, variant
	order   map[string][]string          // workload: variants as they came
	current int                          // round
	failed  int
}

// variant is one way to do a workload.
type variant struct {
	name string
	run  func() (measure, error)
}

// interleave runs the variants of a workload, beginning with another one each round. One that fails is told and leaves a
// hole; the others go on.
func (h *harness) interleave(ctx context.Context, w workload, variants ...variant) error {
	for i := range variants {
		v := variants[(i+h.current)%len(variants)]
		if err := ctx.Err(); err != nil {
			return err
		}
		if !h.hasty {
			if err := settle(h.needs(w)); err != nil {
				return err
			}
		}
		m, err := v.run()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			h.failed++
			m = measure{}
			fmt.Fprintf(h.log, "  %-24s %-10s failed: %v\n", w.name, v.name, err)
		} else {
			fmt.Fprintf(h.log, "  %-24s %-10s %s\n", w.name, v.name, w.unit.line(m))
		}
		h.record(w, v.name, m)
	}
	for _, v := range variants { // the table keeps the order of the call, not of the first round
		h.mention(w, v.name)
	}
	return nil
}

// needs is how much memory a run may touch for the first time: pages of files, on both sides, and some for programs.
func (h *harness) needs(w workload) int64 {
	switch w.unit.name {
	case gibs.name:
		return 3 * h.size / 2
	case files.name:
		return 512 << 20
	}
	return 0
}

func (h *harness) record(w workload, variant string, m measure) {
	if h.results[w.name] == nil {
		h.results[w.name] = make(map[string]series)
	}
	s := h.results[w.name][variant]
	for len(s) < h.current { // a variant that was missing in earlier rounds
		s = append(s, measure{})
	}
	h.results[w.name][variant] = append(s, m)
}

func (h *harness) mention(w workload, variant string) {
	for _, known := range h.order[w.name] {
		if known == variant {
			return
		}
	}
	h.order[w.name] = append(h.order[w.name], variant)
}

// wanted tells whether -only asks for a workload.
func (h *harness) wanted(w workload) bool { return h.only.MatchString(w.name) }

// trail gives a server the time to end what it does after the answer, so that its CPU counts.
func trail() { time.Sleep(100 * time.Millisecond) }
