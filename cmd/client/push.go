package main

import (
	"context"

	"github.com/spf13/cobra"

	"sluice/internal/syncer"
)

func (p *program) pushCommand() *cobra.Command {
	var flags transferFlags
	var hashFirst bool
	c := p.command(&cobra.Command{
		Use:   "push DIR REMOTE:PATH",
		Short: "Make a folder on the server hold what a local folder holds",
		Long: `Send what DIR holds into PATH: its contents, not a folder inside PATH; a trailing slash changes nothing, what is missing
is made. Files are added and replaced, if size or time differ; only --delete removes. Times are kept, also those of links and
folders, and modes without setuid and setgid; links are kept as links.`,
		Example: `  sluice push ~/docs home:docs
  sluice push -n --delete ~/docs home:docs                 what would it do?
  sluice push --exclude '*.o' --exclude build/ . home:src
  sluice push --delete --max-delete 10% ~/docs home:docs`,
		Args:              arguments(cobra.ExactArgs(2)),
		ValidArgsFunction: p.completeSides(true),
	}, func(ctx context.Context, args []string) error {
		return p.push(ctx, args[0], args[1], &flags, hashFirst)
	})
	flags.add(c.Flags())
	hashFirstFlag(c.Flags(), &hashFirst)
	return c
}

func (p *program) push(ctx context.Context, local, place string, flags *transferFlags, hashFirst bool) error {
	dir, path, err := sides("push", local, place)
	if err != nil {
		return err
	}
	t := &transfer{p: p, flags: flags, dir: dir, path: path}
	common, err := t.begin(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	end := p.display(&t.progress)
	totals, err := syncer.Push(ctx, syncer.PushOptions{Common: common, Hashes: t.hashes, HashFirst: hashFirst})
	end()
	return t.exit("sent", totals, err)
}
