package main

import (
	"context"

	"github.com/spf13/cobra"

	"sluice/internal/syncer"
)

func (p *program) pullCommand() *cobra.Command {
	var flags transferFlags
	c := p.command(&cobra.Command{
		Use:   "pull REMOTE:PATH DIR",
		Short: "Make a local folder hold what a folder on the server holds",
		Long: `Fetch what PATH holds into DIR: its contents, not a folder inside DIR; a trailing slash changes nothing, what is missing
is made. Files are added and replaced if they differ; only --delete removes. A file is written under a temporary name, verified,
made durable and then renamed.`,
		Example: `  sluice pull home:docs ~/docs
  sluice pull -n --delete home:docs ~/docs     what would it do?
  sluice pull --exclude '*.iso' home: ~/all`,
		Args:              arguments(cobra.ExactArgs(2)),
		ValidArgsFunction: p.completeSides(false),
	}, func(ctx context.Context, args []string) error { return p.pull(ctx, args[1], args[0], &flags) })
	flags.add(c.Flags())
	return c
}

func (p *program) pull(ctx context.Context, local, place string, flags *transferFlags) error {
	dir, path, err := sides("pull", local, place)
	if err != nil {
		return err
	}
	t := &transfer{p: p, flags: flags, dir: dir, path: path}
	common, err := t.begin(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	t.openRecords()
	end := p.display(&t.progress)
	totals, err := syncer.Pull(ctx, syncer.PullOptions{Common: common, Records: t.records})
	end()
	return t.exit("fetched", totals, err)
}
