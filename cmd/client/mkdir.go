package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/client"
)

func (p *program) mkdirCommand() *cobra.Command {
	var parents, dry bool
	c := p.command(&cobra.Command{
		Use:   "mkdir REMOTE:PATH...",
		Short: "Make folders",
		Example: `  sluice mkdir home:docs
  sluice mkdir -p home:docs/2026/may     with the folders above it; no error if it is there`,
		Args:              arguments(cobra.MinimumNArgs(1)),
		ValidArgsFunction: p.completePaths,
	}, func(ctx context.Context, args []string) error {
		for _, arg := range args {
			if err := p.mkdir(ctx, arg, parents, dry); err != nil {
				return err
			}
		}
		return nil
	})
	c.Flags().BoolVarP(&parents, "parents", "p", false, "make what is missing above it, too; no error if it is there")
	dryRun(c.Flags(), &dry)
	return c
}

func (p *program) mkdir(ctx context.Context, arg string, parents, dry bool) error {
	s, path, err := p.reach(ctx, arg)
	if err != nil {
		return err
	}
	defer s.close()
	l, err := s.locate(ctx, path)
	if err != nil {
		return err
	}
	switch {
	case l.last().Kind != client.KindFolder:
		return usagef("%s: a file stands in the way", visible(path.String()))
	case l.whole() && parents:
		return nil
	case l.whole():
		return usagef("%s is there already", visible(path.String()))
	case len(l.missing) > 1 && !parents:
		return notFoundError(visible(folderOf(remotePath{remote: path.remote, names: path.names}).String()) +
			": there is no such folder; -p makes it, too")
	}
	if !dry {
		if err := s.makeChain(ctx, l); err != nil {
			return err
		}
	}
	p.done("made", path, dry)
	return nil
}

// makeChain makes the missing folders of a path, in one commit.
func (s *server) makeChain(ctx context.Context, l *place) error {
	changes := make([]client.Change, len(l.missing))
	for i, name := range l.missing {
		changes[i] = client.Change{Op: client.OpMkdir, Name: name, Mode: 0o755, Mtime: time.Now().UnixNano()}
		if i == 0 {
			changes[i].Parent.Node = l.last().Node
		} else {
			changes[i].Parent.Entry = i - 1
		}
	}
	reply, err := s.Commit(ctx, &client.CommitRequest{All: true, Changes: changes})
	if err != nil {
		if code := client.CodeOf(err); code == client.Exists || code == client.Conflict {
			return conflictError(visible(l.path.String()) + " was made by someone else just now")
		}
		return err
	}
	for _, done := range reply.Entries {
		if err := changeError(l.path, done); err != nil {
			return err
		}
	}
	return nil
}

// done tells what was done to a path, or in a dry run would be.
func (p *program) done(what string, path remotePath, dry bool) {
	if p.flags.json {
		_ = p.printJSON(struct {
			Event string `json:"event"`
			Path  string `json:"path"`
			Dry   bool   `json:"dry_run,omitempty"`
		}{what, nameJSON(path.String()), dry})
		return
	}
	if dry {
		p.say("would be %s: %s", what, visible(path.String()))
	} else if p.flags.verbose {
		p.say("%s: %s", what, visible(path.String()))
	}
}
