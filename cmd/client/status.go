package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/client"
	"sluice/internal/live"
	"sluice/internal/mirror"
	"sluice/internal/state"
)

func (p *program) statusCommand() *cobra.Command {
	var exitCode bool
	c := p.command(&cobra.Command{
		Use:   "status [PATH]",
		Short: "Show whether synced folders are in sync, and what is not",
		Long: `For each folder that is synced: in sync as of which journal number of the server and after which scan, or what is pending,
failing or in conflict. "In sync" is only said after a whole scan and when nothing that the server has told is left to do.
A process that watches is asked itself; without one the answer is what the last sync has found.`,
		Example: `  sluice status
  sluice status ~/docs --json
  sluice status --exit-code                    ends with 7 if something fails, 6 if conflicts need you`,
		Args: arguments(cobra.MaximumNArgs(1)),
	}, func(_ context.Context, args []string) error {
		return p.status(args, exitCode)
	})
	c.Flags().BoolVar(&exitCode, "exit-code", false, "end with 6 if there are conflicts, 7 if something fails")
	return c
}

func (p *program) status(args []string, exitCode bool) error {
	reports, err := p.reports(args)
	if err != nil {
		return err
	}
	if p.flags.json {
		if err := p.printJSON(struct {
			Roots []*live.Report `json:"roots"`
		}{spelled(reports)}); err != nil {
			return err
		}
	} else {
		if len(reports) == 0 {
			p.say("no folder is synced: begin with sluice sync DIR REMOTE:PATH")
		}
		for i, r := range reports {
			if i > 0 {
				p.say("")
			}
			p.showReport(r)
		}
	}
	if !exitCode {
		return nil
	}
	code := client.ExitDone
	for _, r := range reports {
		switch {
		case r.State == live.Failing || r.State == live.Stopped:
			code = client.ExitSomeFailed
		case len(r.Conflicts) > 0 && code == client.ExitDone:
			code = client.ExitConflicts
		}
	}
	switch code {
	case client.ExitSomeFailed:
		return failedError{code, "not all can be synced"}
	case client.ExitConflicts:
		return failedError{code, "conflicts need you: see `sluice conflicts ls`"}
	}
	return nil
}

// known are the folders that are synced.
func (p *program) known() (*state.State, []state.SyncRoot, error) {
	path, err := p.stateFile()
	if err != nil {
		return nil, nil, err
	}
	st, err := state.Open(path)
	if err != nil {
		return nil, nil, err
	}
	all, err := st.Syncs()
	if err != nil {
		st.Close()
		return nil, nil, err
	}
	return st, all, nil
}

// reports tells of all synced folders, or of the one that a path lies in.
func (p *program) reports(args []string) ([]*live.Report, error) {
	st, all, err := p.known()
	if err != nil {
		return nil, err
	}
	defer st.Close()
	question := live.Question{Command: "status"}
	if len(args) > 0 {
		root, err := rootAt(all, args[0])
		if err != nil {
			return nil, err
		}
		all = []state.SyncRoot{*root}
		question.Dir = root.Dir
	}
	running, err := p.ask(question)
	if err != nil {
		return nil, err
	}
	list := make([]*live.Report, 0, len(all))
	for i := range all {
		if r := running[all[i].Dir]; r != nil {
			list = append(list, r)
			continue
		}
		sync, err := st.Sync(&all[i])
		if err != nil {
			return nil, err
		}
		r, err := live.Remembered(sync)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// ask asks the processes that watch, and sorts what they say by folder.
func (p *program) ask(q live.Question) (map[string]*live.Report, error) {
	sockets, err := p.socketFolder()
	if err != nil {
		return nil, err
	}
	list, err := live.Ask(sockets, q)
	if err != nil {
		return nil, err
	}
	byDir := make(map[string]*live.Report, len(list))
	for _, r := range list {
		byDir[r.Dir] = r
	}
	return byDir, nil
}

// spelled gives names the form they have in JSON.
func spelled(reports []*live.Report) []*live.Report {
	for _, r := range reports {
		r.Dir, r.Remote = nameJSON(r.Dir), nameJSON(r.Remote)
		for i := range r.Conflicts {
			r.Conflicts[i].Path, r.Conflicts[i].Other = nameJSON(r.Conflicts[i].Path), nameJSON(r.Conflicts[i].Other)
		}
		for _, list := range [][]live.Problem{r.Problems, r.Blind} {
			for i := range list {
				list[i].Path = nameJSON(list[i].Path)
			}
		}
	}
	return reports
}

const shownProblems = 20

func (p *program) showReport(r *live.Report) {
	p.say("%s  <->  %s", visible(r.Dir), visible(r.Remote))
	p.say("  %s", stateLine(r))
	if r.Why != "" {
		p.say("  %s", visible(r.Why))
	}
	if !r.Next.IsZero() {
		p.say("  trying again in %s", duration(max(time.Until(r.Next), 0)))
	}
	if n := len(r.Conflicts); n > 0 {
		p.say("  %s: `sluice conflicts ls`", count(int64(n), "conflict needs you", "conflicts need you"))
	}
	skipped := 0
	shown := 0
	for _, problem := range r.Problems {
		if problem.Skipped {
			skipped++
			continue
		}
		what := "failing: "
		if mirror.Waits(problem.Reason) {
			what = "" // it says so itself
		}
		if shown++; shown <= shownProblems {
			p.say("  %s%s: %s", what, visible(problem.Path), visible(problem.Reason))
		}
	}
	if shown > shownProblems {
		p.say("  and %d more fail; --json lists them all", shown-shownProblems)
	}
	if skipped > 0 {
		p.say("  %d skipped: sockets, pipes and devices are never synced", skipped)
	}
	for i, b := range r.Blind {
		if i == shownProblems {
			p.say("  and %d more folders are not watched", len(r.Blind)-shownProblems)
			break
		}
		p.say("  not watched, but scanned: %s: %s", visible("/"+b.Path), visible(b.Reason))
	}
}

// watchCommand is what keeps a folder in step.
func watchCommand(dir string) string { return shellWords([]string{"sluice", "sync", "--watch", dir}) }

// stateLine says how a root is.
func stateLine(r *live.Report) string {
	who := "nothing keeps it in step now: `" + visible(watchCommand(r.Dir)) + "` does"
	if r.Pid != 0 {
		who = fmt.Sprintf("kept in step by process %d", r.Pid)
	}
	scan := "never scanned"
	if !r.Scanned.IsZero() {
		scan = fmt.Sprintf("scanned %s (%s ago)", r.Scanned.Format(time.DateTime), duration(time.Since(r.Scanned)))
	}
	switch r.State {
	case live.InSync:
		return fmt.Sprintf("in sync as of journal number %d, %s, %s; %s", r.Synced, scan, count(r.Names, "name", "names"), who)
	case live.Unknown:
		return fmt.Sprintf("not yet synced as a whole, %s; %s", scan, who)
	}
	line := fmt.Sprintf("%s: in sync up to journal number %d, known up to %d, %s; %s", r.State, r.Synced, r.Journal, scan, who)
	if r.Waiting > 0 {
		line += fmt.Sprintf("; %s to come from the server", count(r.Waiting, "change", "changes"))
	}
	return line
}
