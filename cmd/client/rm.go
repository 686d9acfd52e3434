package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"sluice/internal/client"
)

// rmFlags are the flags of rm.
type rmFlags struct{ recursive, force, dry bool }

func (p *program) rmCommand() *cobra.Command {
	var flags rmFlags
	c := p.command(&cobra.Command{
		Use:   "rm REMOTE:PATH...",
		Short: "Remove files and folders on the server",
		Example: `  sluice rm home:docs/a.txt
  sluice rm -r home:docs
  sluice rm -f home:maybe.txt     no error if it is not there`,
		Args:              arguments(cobra.MinimumNArgs(1)),
		ValidArgsFunction: p.completePaths,
	}, func(ctx context.Context, args []string) error {
		for _, arg := range args {
			err := p.rm(ctx, arg, flags)
			var missing notFoundError
			if err != nil && !(flags.force && errors.As(err, &missing)) {
				return err
			}
		}
		return nil
	})
	c.Flags().BoolVarP(&flags.recursive, "recursive", "r", false, "folders with all they hold")
	c.Flags().BoolVarP(&flags.force, "force", "f", false, "no error for what is not there")
	dryRun(c.Flags(), &flags.dry)
	return c
}

func (p *program) rm(ctx context.Context, arg string, flags rmFlags) error {
	s, path, err := p.reach(ctx, arg)
	if err != nil {
		return err
	}
	defer s.close()
	l, err := s.must(ctx, path)
	if err != nil {
		return err
	}
	if len(path.names) == 0 {
		return usagef("%s is the root, which stays: remove what is in it", visible(path.String()))
	}
	if flags.dry {
		p.done("removed", path, true)
		return nil
	}
	_, err = s.commit(ctx, path, client.Change{Op: client.OpDelete, Node: l.last().Node, Expect: l.last().Version, Recursive: flags.recursive})
	if err != nil {
		return err
	}
	p.done("removed", path, false)
	return nil
}
