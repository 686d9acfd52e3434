package main

import (
	"context"

	"github.com/spf13/cobra"

	"sluice/internal/client"
)

func (p *program) cpCommand() *cobra.Command {
	var recursive, dry bool
	c := p.command(&cobra.Command{
		Use:   "cp REMOTE:PATH... REMOTE:TARGET",
		Short: "Copy on the server; no bytes travel",
		Example: `  sluice cp home:a.txt home:b.txt
  sluice cp -r home:docs home:docs-before`,
		Args:              arguments(cobra.MinimumNArgs(2)),
		ValidArgsFunction: p.completePaths,
	}, func(ctx context.Context, args []string) error {
		return p.relocate(ctx, args, client.OpCopy, recursive, dry)
	})
	c.Flags().BoolVarP(&recursive, "recursive", "r", false, "folders with all they hold")
	dryRun(c.Flags(), &dry)
	return c
}
