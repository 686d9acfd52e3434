package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"sluice/internal/store"
)

// gcAnswer is what was or would be collected, in JSON.
type gcAnswer struct {
	DryRun   bool  `json:"dry_run"`
	Contents int64 `json:"contents"`
	Bytes    int64 `json:"bytes"`
	Segments int64 `json:"segments"`
	Freed    int64 `json:"dead_bytes"`
	Copied   int64 `json:"copied_bytes"`
	Tails    int64 `json:"tail_bytes"`
	Waiting  int64 `json:"waiting"` // contents within the grace period
	Held     bool  `json:"held_off"`
}

func (p *program) gcCommand() *cobra.Command {
	var dry, asJSON bool
	command := &cobra.Command{
		Use:   "gc",
		Short: "Remove contents that nothing names any more",
		Long: `Gc does at once what a running server does by and by: it removes contents that no file, version, trash or upload
has named for the grace period, and copies what lives in mostly dead segments together, so that their room comes back. It may run beside a server, and works in small steps so that the server's users hardly notice. A backup holds it off.`,
		Example: `  sluiced gc --dry-run
  sluiced gc
  sluiced gc --grace 1s                                 also what was dropped just now`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			s, err := p.flags.load()
			if err != nil {
				return err
			}
			if err := mustBeThere(s.data); err != nil {
				return err
			}
			var done store.Collected
			err = p.withPolicy(s.data, s.policy, func(st *store.Store) (err error) {
				if dry {
					done, err = st.ToCollect()
				} else {
					done, err = st.Collect(command.Context())
				}
				return err
			})
			if err != nil {
				return fmt.Errorf("collect: %w", err)
			}
			return p.showCollected(done, s.policy, dry, asJSON)
		},
	}
	flags := command.Flags()
	flags.BoolVarP(&dry, "dry-run", "n", false, "only say what would be removed")
	flags.BoolVar(&asJSON, "json", false, "one JSON object")
	p.flags.addOne(flags, "grace")
	return command
}

func (p *program) showCollected(c store.Collected, policy store.Policy, dry, asJSON bool) error {
	if asJSON {
		if err := json.NewEncoder(p.stdout).Encode(gcAnswer{dry, c.Contents, c.Bytes, c.Segments, c.Freed, c.Copied, c.Tails, c.Waits, c.Held}); err != nil {
			return err
		}
	} else {
		verb := "removed"
		if dry {
			verb = "would remove"
		}
		if err := p.say("%s %d contents, %s, that nothing has named for %s", verb, c.Contents, formatSize(c.Bytes), periodText(policy.Grace)); err != nil {
			return err
		}
		if err := p.say("%s %d segments: %s dead in them, %s copied out of them", verb, c.Segments, formatSize(c.Freed), formatSize(c.Copied)); err != nil {
			return err
		}
		if c.Tails > 0 {
			if err := p.say("cut %s off the ends of segments", formatSize(c.Tails)); err != nil {
				return err
			}
		}
		if c.Waits > 0 {
			if err := p.say("%d more contents wait for the grace period to end", c.Waits); err != nil {
				return err
			}
		}
	}
	if c.Held {
		return fmt.Errorf("%w: a backup or a check holds the collector off: try again after it", store.ErrInUse)
	}
	return nil
}
