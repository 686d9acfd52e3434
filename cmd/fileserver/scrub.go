package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/cli"
	"sluice/internal/store"
)

// scrubAnswer is a scrub in JSON.
type scrubAnswer struct {
	Clean    bool     `json:"clean"` // nothing damaged was met
	Contents int64    `json:"contents"`
	Bytes    int64    `json:"bytes"`
	Damaged  int64    `json:"damaged"` // found now
	Known    int64    `json:"known"`   // were known, and still are
	Sound    int64    `json:"sound"`   // were known, and are right again
	Whole    bool     `json:"whole"`   // a round came to its end
	Began    string   `json:"began"`   // that round
	Findings []string `json:"findings"`
}

func (p *program) scrubCommand() *cobra.Command {
	var config store.ScrubConfig
	var subset, rate string
	var asJSON bool
	command := &cobra.Command{
		Use:   "scrub",
		Short: "Read all contents again and compare them with their hashes",
		Long: `Scrub reads contents from the disk and compares them with their hashes, beside a running server or without one. It notes how
far it came, and goes on there when it was stopped or read only a share. A damaged content is marked: nothing of it is served,
clients hear "damaged", and whoever uploads the same bytes again heals it. One whose file was brought back is served again.

It ends with 0 when all is well and with 10 when something is damaged.`,
		Example: `  sluiced scrub
  sluiced scrub --subset 10% --limit-rate 50M           a tenth every night: all of it in ten
  sluiced scrub --subset 3/7                            the third of seven parts
  sluiced scrub --json`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			s, err := p.flags.load()
			if err != nil {
				return err
			}
			if config.Share, config.Part, config.Of, err = parseSubset(subset); err != nil {
				return err
			}
			if config.Rate, err = parseSize(rate); err != nil {
				return err
			}
			answer := scrubAnswer{Findings: []string{}}
			config.Tell = func(f store.Finding) { answer.Findings = append(answer.Findings, f.Text) }
			config.Progress = new(store.Progress)
			ctx, done := interruptible(command.Context())
			defer done()
			if err := mustBeThere(s.data); err != nil {
				return err
			}
			var report store.ScrubReport
			err = p.withStore(s.data, func(st *store.Store) (err error) {
				defer p.draw(config.Progress)()
				report, err = st.Scrub(ctx, config)
				return err
			})
			if err != nil && report.Contents == 0 {
				return fmt.Errorf("scrub: %w", err)
			}
			answer.Clean = report.Damaged+report.Known == 0
			answer.Contents, answer.Bytes, answer.Damaged, answer.Known = report.Contents, report.Bytes, report.Damaged, report.Known
			answer.Sound, answer.Whole, answer.Began = report.Sound, report.Whole, time.Unix(0, report.Began).UTC().Format(time.RFC3339)
			if said := p.showScrub(&answer, asJSON); said != nil {
				return said
			}
			switch {
			case err != nil:
				return fmt.Errorf("scrub: %w; it goes on there the next time", err)
			case !answer.Clean:
				return fmt.Errorf("%w: %d contents", errIntegrity, report.Damaged+report.Known)
			}
			return nil
		},
	}
	flags := command.Flags()
	flags.StringVar(&subset, "subset", "", "read only `SHARE`: 10% of all bytes, going on where the last scrub stopped, or 3/7, the third of seven parts")
	flags.StringVar(&rate, "limit-rate", "100M", "bytes a second at most: `SIZE` like 50M, or none")
	flags.BoolVarP(&config.DryRun, "dry-run", "n", false, "only say what is damaged: mark nothing and note nothing")
	flags.BoolVar(&asJSON, "json", false, "one JSON object")
	return command
}

func (p *program) showScrub(a *scrubAnswer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(p.stdout).Encode(a)
	}
	for _, text := range a.Findings {
		if err := p.say("%s", visible(text)); err != nil {
			return err
		}
	}
	round := ""
	if a.Whole {
		round = "; the round that began " + a.Began + " is whole"
	}
	return p.say("%d contents, %s read: %d damaged, %d of them newly found, %d right again%s", a.Contents, formatSize(a.Bytes), a.Damaged+a.Known,
		a.Damaged, a.Sound, round)
}

// parseSubset reads 10% or 3/7; empty: all.
func parseSubset(text string) (share float64, part, of int64, err error) {
	bad := cli.Usagef("subset %q: want a share like 10%%, or a part like 3/7", text)
	if text == "" {
		return 0, 0, 0, nil
	}
	if number, is := strings.CutSuffix(text, "%"); is {
		share, err = strconv.ParseFloat(number, 64)
		if err != nil || math.IsNaN(share) || share <= 0 || share > 100 {
			return 0, 0, 0, bad
		}
		return share / 100, 0, 0, nil
	}
	first, second, is := strings.Cut(text, "/")
	part, errPart := strconv.ParseInt(first, 10, 32)
	of, errOf := strconv.ParseInt(second, 10, 32)
	if !is || errPart != nil || errOf != nil || part < 1 || part > of {
		return 0, 0, 0, bad
	}
	return 0, part, of, nil
}
