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
	// The latest run under one name, all of them under their times: benchstat compares any two.
	lines, kept := r.lines(), time.Now().UTC().Format("20060102T150405Z")+".txt"
	for _, name := range []string{"bench.txt", kept} {
		if err := os.WriteFile(filepath.Join(r.out, name), lines, 0o644); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(stdout, "%s\nWritten: %s, bench.txt and %s beside it.\n", table, filepath.Join(r.out, "table.md"), kept)
	return err
}

func (r report) table() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Congestion control: %s. %d rounds, large file %d MiB, %d cores, Linux %s, %s, %d s in all.\n\n",
		r.congestion, r.rounds, r.size>>20, runtime.NumCPU(), release(), runtime.Version(), int(r.took.Seconds()))
	b.WriteString("Medians of interleaved rounds. The columns \"sluice / it\" are sluice divided by the variant of the line, as the\n" +
		"median of the ratios within each round: a rate above 1 and CPU, memory or time below 1 are in favour of sluice.\n")
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
	columns := w.unit.columns()
	head := []string{""}
	for _, c := range columns {
		head = append(head, c.head)
		if c.spread {
			head = append(head, "lowest..highest")
		}
	}
	for _, c := range columns {
		if c.versus != "" {
			head = append(head, "sluice / it: "+c.versus)
		}
	}
	rows := [][]string{head}
	ours := r.results[w.name]["sluice"]
	for _, name := range r.order[w.name] {
		s := r.results[w.name][name]
		if len(s.of(measure.rate)) == 0 {
			rows = append(rows, []string{name, "failed"})
			continue
		}
		row := []string{name}
		for _, c := range columns {
			all := s.of(c.of)
			row = append(row, figure(median(all)*c.scale))
			if c.spread {
				row = append(row, figure(slices.Min(all)*c.scale)+".."+figure(slices.Max(all)*c.scale))
			}
		}
		for _, c := range columns {
			if c.versus == "" || name == "sluice" {
				continue
			}
			text := "" // nothing to divide by
			if ratios := ours.ratios(s, c.of); len(ratios) > 0 {
				text = figure(median(ratios))
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	grid(b, rows)
}

func (r report) goals(b *bytes.Buffer) {
	rows := [][]string{{"workload", "figure", "against", "to reach", "measured", ""}}
	for _, g := range goals() {
		values := g.values(r.results)
		if len(values) == 0 {
			continue
		}
		text, reached := g.verdict(values)
		mark := "missed"
		switch {
		case g.note:
			mark = "a note"
		case reached:
			mark = "reached"
		}
		rows = append(rows, []string{g.workload.name, g.what, g.against(), text, figure(median(values)), mark})
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
					fmt.Fprintf(&b, "Benchmark%s/who=%s-%d %.0f %.1f ns/op", w.name, name, runtime.NumCPU(), n, float64(m.wall.Nanoseconds())/n)
					for _, c := range w.unit.columns() {
						if c.key != "" {
							fmt.Fprintf(&b, " %.6g %s", c.of(m), c.key)
						}
					}
					b.WriteByte('\n')
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
