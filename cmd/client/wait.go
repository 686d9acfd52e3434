package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/client"
	"sluice/internal/live"
)

// askEvery is how often a watcher is asked whether it is done.
const askEvery = 100 * time.Millisecond

func (p *program) waitCommand() *cobra.Command {
	var synced bool
	var most time.Duration
	c := p.command(&cobra.Command{
		Use:   "wait --synced [PATH]",
		Short: "Wait until synced folders are in sync",
		Long: `Have the processes that watch look at everything once more, and return when what was there by now is on the other side:
0, or 7 if something cannot be synced, 5 if the time is over or nothing watches, 3 if no folder is synced.`,
		Example: `  make && sluice wait --synced ~/build
  sluice wait --synced --at-most 30s`,
		Args: arguments(cobra.MaximumNArgs(1)),
	}, func(ctx context.Context, args []string) error {
		if !synced {
			return usagef("say what to wait for: sluice wait --synced")
		}
		return p.wait(ctx, args, most)
	})
	c.Flags().BoolVar(&synced, "synced", false, "until all is in sync")
	c.Flags().DurationVar(&most, "at-most", 0, "give up after this `TIME`; 0: never")
	return c
}

func (p *program) wait(ctx context.Context, args []string, most time.Duration) error {
	reports, err := p.reports(args)
	if err != nil {
		return err
	}
	if len(reports) == 0 {
		return notFoundError("no folder was synced yet, so there is nothing to wait for: begin with sluice sync DIR REMOTE:PATH --watch")
	}
	if most > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, most)
		defer cancel()
	}
	for _, r := range reports {
		if r.Pid == 0 {
			return failedError{client.ExitTemporary, fmt.Sprintf("%s: nothing keeps it in step: `%s` does", r.Dir, watchCommand(r.Dir))}
		}
		if err := p.waitFor(ctx, r.Dir); err != nil {
			return fmt.Errorf("%s: %w", r.Dir, err)
		}
	}
	return nil
}

// waitFor waits for one root: until a look that began after now has ended well.
func (p *program) waitFor(ctx context.Context, dir string) error {
	asked, err := p.ask(live.Question{Command: "look", Dir: dir})
	if err != nil {
		return err
	}
	before := asked[dir]
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		now, err := p.ask(live.Question{Command: "status", Dir: dir})
		if err != nil {
			return err
		}
		r := now[dir]
		switch {
		case r == nil || before == nil:
			return failedError{client.ExitTemporary, "the process that kept it in step has ended"}
		case r.State == live.Stopped:
			return failedError{client.ExitSafety, r.Why}
		case r.Heard < before.Asked: // it has not been made yet
		case r.State == live.InSync:
			return nil
		case r.State == live.Failing:
			return failedError{client.ExitSomeFailed, "not all can be synced: see `sluice status`"}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if p.ctx.Err() != nil {
				return p.ctx.Err()
			}
			return failedError{client.ExitTemporary, "it is not in sync yet"}
		}
	}
}
