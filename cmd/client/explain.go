package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/mirror"
	"sluice/internal/state"
	"sluice/internal/syncer"
)

func (p *program) explainCommand() *cobra.Command {
	return p.command(&cobra.Command{
		Use:   "explain PATH",
		Short: "Say what a sync does with a path, and which rule or state decides",
		Example: `  sluice explain ~/docs/plan.txt
  sluice explain build/a.o --json`,
		Args: arguments(cobra.ExactArgs(1)),
	}, func(ctx context.Context, args []string) error {
		e, err := p.explanation(ctx, args[0])
		if err != nil {
			return err
		}
		if p.flags.json {
			return p.printJSON(e)
		}
		p.say("%s  <->  %s", visible(args[0]), visible(e.remote))
		for _, line := range e.lines() {
			p.say("  %s", line)
		}
		return nil
	})
}

// explanation is what decides about a path.
type explanation struct {
	Path     string        `json:"path"`
	Remote   string        `json:"remote"`
	Ignored  bool          `json:"ignored"`
	Rule     string        `json:"rule,omitempty"` // what decides whether it is left alone
	Node     int64         `json:"node,omitempty"` // what both sides had alike last
	Version  int64         `json:"version,omitempty"`
	Planned  []plannedJSON `json:"planned"`
	Problem  string        `json:"problem,omitempty"`
	Conflict string        `json:"conflict,omitempty"` // the other version's path

	remote, pattern string
	below           int // names below it with something to do
}

type plannedJSON struct {
	Do  string `json:"do"`
	To  string `json:"to,omitempty"`
	Why string `json:"why,omitempty"`
}

func (p *program) explanation(ctx context.Context, path string) (*explanation, error) {
	st, all, err := p.known()
	if err != nil {
		return nil, err
	}
	defer st.Close()
	root, err := rootAt(all, path)
	if err != nil {
		return nil, err
	}
	rel, err := inside(root.Dir, path)
	if err != nil {
		return nil, err
	}
	pair := pairOf(root)
	names := strings.FieldsFunc(rel, func(c rune) bool { return c == '/' })
	at := remotePath{remote: pair.place.remote, names: append(append([]string{}, pair.place.names...), names...)}
	e := &explanation{Path: nameJSON(path), Remote: nameJSON(at.String()), remote: at.String(), Planned: []plannedJSON{}}
	s := &syncing{p: p, flags: &syncFlags{}, state: st, look: true}
	defer s.close()
	m, folder, err := s.mirror(ctx, pair, new(syncer.Progress))
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	if rel != "" {
		file, line, pattern, ignored, err := folder.Why(rel)
		if err != nil {
			return nil, err
		}
		e.Ignored, e.pattern = ignored, pattern
		if ignored || pattern != "" {
			e.Rule = ruleText(file, line, pattern, ignored)
		}
	}
	remembered, err := s.remembered(pair)
	if err != nil {
		return nil, err
	}
	rel = strings.Join(names, "/")
	if err := e.recall(remembered, root, names, rel); err != nil {
		return nil, err
	}
	steps, problems, err := m.Diff(ctx)
	if err != nil {
		return nil, err
	}
	e.take(steps, problems, rel)
	return e, nil
}

// recall takes what is remembered of the path.
func (e *explanation) recall(s *state.Sync, root *state.SyncRoot, names []string, rel string) error {
	parent := root.Node
	for i, name := range names {
		var found *state.SyncNode
		if err := s.Children(parent, func(n *state.SyncNode) {
			if n.Name == name {
				one := *n
				found = &one
			}
		}); err != nil {
			return err
		}
		if found == nil {
			break
		}
		if parent = found.ID; i == len(names)-1 {
			e.Node, e.Version = found.ID, found.Version
		}
	}
	problems, err := s.Problems()
	if err != nil {
		return err
	}
	for _, problem := range problems {
		if problem.Path == rel {
			e.Problem = fmt.Sprintf("%s; tried %d times, again %s", problem.Reason, problem.Tries, time.Unix(0, problem.Retry).Format(time.DateTime))
		}
	}
	conflicts, err := s.Conflicts()
	if err != nil {
		return err
	}
	for _, c := range conflicts {
		switch rel {
		case c.Path:
			e.Conflict = c.Other
		case c.Other:
			e.Conflict = c.Path
		}
	}
	return nil
}

// take takes from a plan what concerns the path.
func (e *explanation) take(steps []mirror.Planned, problems []mirror.Problem, rel string) {
	for _, s := range steps {
		switch {
		case s.Path == rel || s.To == rel:
			e.Planned = append(e.Planned, plannedJSON{s.Do, nameJSON(s.To), s.Why})
		case rel == "" || strings.HasPrefix(s.Path, rel+"/"):
			e.below++
		}
	}
	for _, problem := range problems {
		if problem.Path == rel && e.Problem == "" {
			e.Problem = problem.Reason
		}
	}
}

// lines are what a person is told.
func (e *explanation) lines() []string {
	var list []string
	if e.Rule != "" {
		list = append(list, e.Rule)
	}
	if e.Ignored {
		return list
	}
	if e.Problem != "" {
		list = append(list, "failing: "+visible(e.Problem))
	}
	if e.Conflict != "" {
		list = append(list, "in conflict with "+visible(e.Conflict)+": see `sluice conflicts show`")
	}
	for _, s := range e.Planned {
		line := s.Do
		if s.To != "" {
			line += " to " + visible(s.To)
		}
		if s.Why != "" {
			line += ": " + s.Why
		}
		list = append(list, line)
	}
	if e.below > 0 {
		list = append(list, count(int64(e.below), "change", "changes")+" below it: see `sluice diff`")
	}
	switch {
	case len(e.Planned) > 0:
	case e.Node != 0:
		list = append(list, fmt.Sprintf("both sides have it alike since version %d of node %d", e.Version, e.Node))
	case e.Problem == "" && e.below == 0:
		list = append(list, "it is on neither side")
	}
	return list
}
