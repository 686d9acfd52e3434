package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"sluice/internal/state"
	"sluice/internal/syncer"
)

func (p *program) diffCommand() *cobra.Command {
	var flags syncFlags
	c := p.command(&cobra.Command{
		Use:   "diff [DIR]",
		Short: "Show what a sync would do now",
		Example: `  sluice diff
  sluice diff -v ~/docs                        and why`,
		Args: arguments(cobra.MaximumNArgs(1)),
	}, func(ctx context.Context, args []string) error {
		st, all, err := p.known()
		if err != nil {
			return err
		}
		defer st.Close()
		if len(args) > 0 {
			root, err := rootAt(all, args[0])
			if err != nil {
				return err
			}
			all = []state.SyncRoot{*root}
		}
		s := &syncing{p: p, flags: &flags, state: st, look: true}
		defer s.close()
		for i := range all {
			pair := pairOf(&all[i])
			if len(all) > 1 {
				p.say("%s  <->  %s", visible(pair.dir), visible(pair.place.String()))
			}
			m, folder, err := s.mirror(ctx, pair, new(syncer.Progress))
			if err != nil {
				return err
			}
			err = p.plan(ctx, m)
			folder.Close()
			if err != nil {
				return fmt.Errorf("%s: %w", pair.dir, err)
			}
		}
		return nil
	})
	filterFlags(c.Flags(), &flags.filter)
	return c
}
