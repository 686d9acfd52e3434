package bench

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// report shows what a run has found: a table for people and Go benchmark lines for benchstat.
type report struct {
	*harness
	stages     []stage
	congestion string
	took       time.Duration
}

// write writes both into the folder for results, and the table to stdout.
func (r report) write(stdout io.Writer) error {
	table := r.table()
	if err := os.WriteFile(filepath.Join(r.out, "table.md"), table, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(r.out, "bench.txt"), r.lines(), 0o644); err != nil {
		return err
	}
	_, err := fmt.Fprintf(stdout, "%s\nWritten: %s and bench.txt beside it.\n", table, filepath.Join(r.out, "table.md"))
	return err
}

func (r report) table() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Congestion control: %s. %d rounds, large file %d MiB, %d cores, Linux %s, %s, %d s in all.\n\n",
		r.congestion, r.rounds, r.size>>20, runtime.NumCPU(), release(), runtime.Version(), int(r.took.Seconds()))
	b.WriteString("Medians of interleaved rounds. The two columns at the right are sluice divided by the variant of the line, as the\n" +
		"median of the ratios within each round: a rate above 1 and CPU below 1 are in favour of sluice.\n")
	for _, s := range r.stages {
		for _, w := range s.workloads() {
			if len(r.results[w.name]) > 0 {
				r.workload(&b, w)
			}
		}
	}
	r.goals(&b)
	return b.Bytes()
}

func (r report) workload(b *bytes.Buffer, w workload) {
	fmt.Fprintf(b, "\n### %s\n\n", w.title)
	rows := [][]string{{"", "time, s", w.unit.name + "/s", "lowest..highest", "server CPU, " + w.unit.cpu, "client CPU, " + w.unit.cpu,
		"sluice / it: rate", "server CPU"}}
	if w.unit.each {
		rows[0] = slices.Delete(rows[0], 1, 2)
	}
	ours := r.results[w.name]["sluice"]
	for _, name := range r.order[w.name] {
		s := r.results[w.name][name]
		rates := s.of(measure.rate)
		if len(rates) == 0 {
			rows = append(rows, []string{name, "failed"})
			continue
		}
		row := []string{name}
		if !w.unit.each {
			row = append(row, figure(median(s.of(func(m measure) float64 { return m.wall.Seconds() }))))
		}
		row = append(row, figure(median(rates)), figure(slices.Min(rates))+".."+figure(slices.Max(rates)),
			figure(median(s.of(measure.serverCPU))*w.unit.scale), figure(median(s.of(measure.clientCPU))*w.unit.scale))
		if name != "sluice" {
			row = append(row, figure(median(ours.ratios(s, measure.rate))), figure(median(ours.ratios(s, measure.serverCPU))))
		}
		rows = append(rows, row)
	}
	grid(b, rows)
}

func (r report) goals(b *bytes.Buffer) {
	rows := [][]string{{"workload", "figure", "against", "to reach", "measured", ""}}
	for _, g := range goals() {
		of := r.results[g.workload.name]
		ratios := of["sluice"].ratios(of[g.versus], g.figure)
		if len(ratios) == 0 {
			continue
		}
		text, reached := g.verdict(ratios)
		mark := "missed"
		if reached {
			mark = "reached"
		}
		rows = append(rows, []string{g.workload.name, g.what, g.versus, text, figure(median(ratios)), mark})
	}
	if len(rows) > 1 {
		b.WriteString("\n### Figures to reach\n\n")
		grid(b, rows)
	}
}

// grid writes rows as a Markdown table that is aligned in a terminal too. The first row is the head.
func grid(b *bytes.Buffer, rows [][]string) {
	w := tabwriter.NewWriter(b, 0, 0, 1, ' ', 0)
	for i, row := range rows {
		for len(row) < len(rows[0]) {
			row = append(row, "")
		}
		fmt.Fprintf(w, "| %s\t|\n", strings.Join(row, "\t| "))
		if i == 0 {
			fmt.Fprintf(w, "|%s\n", strings.Repeat("---\t|", len(row)))
		}
	}
	w.Flush()
}

// figure shows three digits that count.
func figure(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// lines are Go benchmark lines, one for each run, as golang.org/x/perf/benchfmt reads them.
func (r report) lines() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: sluice/internal/bench\ncongestion: %s\nkernel: %s\n", runtime.GOOS, runtime.GOARCH, r.congestion, release())
	for _, s := range r.stages {
		for _, w := range s.workloads() {
			for _, name := range r.order[w.name] {
				for _, m := range r.results[w.name][name] {
					if m.wall <= 0 {
						continue
					}
					n := 1.0
					if w.unit.each {
						n = m.units
					}
					fmt.Fprintf(&b, "Benchmark%s/who=%s-%d %.0f %.1f ns/op %.6g %s/s %.6g server-s/%s %.6g client-s/%s\n",
						w.name, name, runtime.NumCPU(), n, float64(m.wall.Nanoseconds())/n, m.rate(), w.unit.name,
						m.serverCPU(), w.unit.name, m.clientCPU(), w.unit.name)
				}
			}
		}
	}
	return b.Bytes()
}

func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}
