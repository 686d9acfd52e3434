package main

import (
	"context"
	"fmt"
	"strings"

	"sluice/internal/mirror"
)

// syncEvent tells one thing that a sync has done.
func (p *program) syncEvent(e mirror.Event) {
	if p.flags.json {
		_ = p.printJSON(struct {
			Event string `json:"event"`
			Path  string `json:"path"`
			From  string `json:"from,omitempty"`
			Size  int64  `json:"size,omitempty"`
			Why   string `json:"why,omitempty"`
		}{e.Do, nameJSON(e.Path), nameJSON(e.From), e.Size, e.Why})
		return
	}
	switch {
	case e.Err != nil: // told at the end
	case e.Do == "conflict":
		p.say("%-16s %s  (%s)", e.Do, visible(e.Path), e.Why)
	case p.flags.verbose && e.From != "":
		p.say("%-16s %s  from %s", e.Do, visible(e.Path), visible(e.From))
	case p.flags.verbose:
		p.say("%-16s %s", e.Do, visible(e.Path))
	}
}

// plan shows what a sync would do.
func (p *program) plan(ctx context.Context, m *mirror.Mirror) error {
	steps, problems, err := m.Diff(ctx)
	for _, s := range steps {
		if p.flags.json {
			if err := p.printJSON(struct {
				Event string `json:"event"`
				Path  string `json:"path"`
				To    string `json:"to,omitempty"`
				Size  int64  `json:"size,omitempty"`
				Why   string `json:"why,omitempty"`
			}{s.Do, nameJSON(s.Path), nameJSON(s.To), s.Size, s.Why}); err != nil {
				return err
			}
			continue
		}
		line := fmt.Sprintf("%-16s %s", s.Do, visible(s.Path))
		if s.To != "" {
			line += "  to " + visible(s.To)
		}
		if p.flags.verbose && s.Why != "" {
			line += "  (" + s.Why + ")"
		}
		p.say("%s", line)
	}
	p.tellProblems(problems)
	if err != nil {
		return err
	}
	if len(steps) == 0 {
		p.say("nothing to do")
	}
	return nil
}

func (p *program) tellProblems(list []mirror.Problem) {
	if p.flags.json {
		return
	}
	for _, problem := range list {
		fmt.Fprintf(p.stderr, "sluice: %s: %s\n", visible(problem.Path), visible(problem.Reason))
	}
}

// synced tells what a run has done, and gives the error it ends with.
func (p *program) synced(pair pair, r *mirror.Result, err error) error {
	if r == nil {
		return err
	}
	p.tellProblems(r.Problems)
	if err == nil {
		err = outcome(r)
	}
	if p.flags.json {
		if e := p.printJSON(struct {
			Event     string `json:"event"`
			Dir       string `json:"dir"`
			Remote    string `json:"remote"`
			Sent      int    `json:"sent"`
			Fetched   int    `json:"fetched"`
			Folders   int    `json:"folders"`
			Moved     int    `json:"moved"`
			Deleted   int    `json:"deleted"`
			Set       int    `json:"set"`
			Bytes     int64  `json:"bytes"`
			Conflicts int    `json:"conflicts"`
			Failed    int    `json:"failed"`
			Journal   int64  `json:"journal"`
			Exit      int    `json:"exit"`
		}{"done", nameJSON(pair.dir), nameJSON(pair.place.String()), r.Sent, r.Fetched, r.Folders, r.Moved, r.Deleted, r.Set, r.Bytes,
			len(r.Conflicts), len(r.Problems), r.Journal, p.exitCode(err)}); err == nil {
			err = e
		}
		return err
	}
	line := syncedLine(r)
	switch {
	case line == "" && err != nil: // there was something to do
		return err
	case line == "":
		line = "nothing to do"
	}
	if err == nil {
		line += fmt.Sprintf("; in sync as of journal number %d", r.Journal)
	}
	p.say("%s", line)
	return err
}

// syncedLine counts what was done; empty: nothing.
func syncedLine(r *mirror.Result) string {
	var parts []string
	for _, c := range []struct {
		n         int
		one, many string
	}{
		{r.Sent, "sent", "sent"}, {r.Fetched, "fetched", "fetched"}, {r.Folders, "folder made", "folders made"}, {r.Moved, "moved", "moved"},
		{r.Deleted, "deleted", "deleted"}, {r.Set, "mode or time set", "modes or times set"}, {len(r.Conflicts), "in conflict", "in conflict"},
	} {
		if c.n > 0 {
			parts = append(parts, count(int64(c.n), c.one, c.many))
		}
	}
	if len(parts) > 0 && r.Bytes > 0 {
		parts = append(parts, size(r.Bytes))
	}
	return strings.Join(parts, ", ")
}
