package main

import (
	"context"

	"github.com/spf13/cobra"

	"sluice/internal/client"
)

func (p *program) catCommand() *cobra.Command {
	var at string
	c := p.command(&cobra.Command{
		Use:   "cat REMOTE:PATH...",
		Short: "Write files to standard output",
		Example: `  sluice cat home:notes.txt
  sluice cat home:photos.tar | tar x
  sluice cat home:notes.txt --at "yesterday 18:00"     as it was`,
		Args:              arguments(cobra.MinimumNArgs(1)),
		ValidArgsFunction: p.completePaths,
	}, func(ctx context.Context, args []string) error {
		for _, arg := range args {
			if err := p.cat(ctx, arg, at); err != nil {
				return err
			}
		}
		return nil
	})
	atFlag(c.Flags(), &at)
	return c
}

func (p *program) cat(ctx context.Context, arg, at string) error {
	s, path, l, _, err := p.reachAt(ctx, arg, at)
	if err != nil {
		return err
	}
	defer s.close()
	if l.folder() {
		return usagef("%s is a folder: fetch it with `sluice pull`", visible(path.String()))
	}
	_, err = s.Get(ctx, client.Hash(l.last().Hash), 0, -1, p.stdout)
	return err
}
