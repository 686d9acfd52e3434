package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"sluice/internal/control"
	"sluice/internal/parent"
	"sluice/internal/store"
)

// fsckAnswer is a check in JSON.
type fsckAnswer struct {
	Clean    bool            `json:"clean"` // nothing is damaged, or all of it was repaired
	Contents int64           `json:"contents"`
	Segments int64           `json:"segments"`
	Names    int64           `json:"names"`
	Past     int64           `json:"past"`
	Uploads  int64           `json:"uploads"`
	Files    int64           `json:"files"`
	Bytes    int64           `json:"bytes_read"`
	Findings []store.Finding `json:"findings"`
}

func (p *program) fsckCommand() *cobra.Command {
	var config store.FsckConfig
	var asJSON bool
	command := &cobra.Command{
		Use:   "fsck",
		Short: "Compare the data folder's database and files with each other",
		Long: `Fsck compares the database with the files, both ways, and the database with itself: missing and short files, files that
nothing names, references, charges, journals. It may run beside a server. Bytes are not read: see ` + "`sluiced scrub`" + `, or --bytes.

It ends with 0 when all is well and with 10 when something is damaged. A note (something died and is cleaned by the next
start) is no damage. --repair corrects counts, marks contents whose bytes are lost so that an upload of them heals them, and
moves files that nothing names into DATA/quarantine; nothing is deleted. It ends with 10 if something is left.`,
		Example: `  sluiced fsck
  sluiced fsck --repair
  sluiced fsck --json | jq '.findings[]'`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			s, err := p.flags.load()
			if err != nil {
				return err
			}
			if err := checkFolder(s.data); err != nil {
				return err
			}
			raise, done, err := control.Changes(filepath.Join(s.data, parent.PageName))
			if err != nil {
				return err
			}
			defer done()
			config.Data, config.OnCommit, config.Progress = s.data, raise, new(store.Progress)
			ctx, stop := interruptible(command.Context())
			defer stop()
			end := p.draw(config.Progress)
			report, err := store.Fsck(ctx, config)
			end()
			if err != nil {
				return fmt.Errorf("fsck: %w", err)
			}
			return p.showFsck(report, asJSON)
		},
	}
	flags := command.Flags()
	flags.BoolVar(&config.Repair, "repair", false, "correct counts, mark lost contents, move files that nothing names into DATA/quarantine")
	flags.BoolVar(&config.Bytes, "bytes", false, "also read all bytes again and compare them with their hashes")
	flags.BoolVar(&asJSON, "json", false, "one JSON object")
	return command
}

func (p *program) showFsck(report *store.FsckReport, asJSON bool) error {
	left := len(report.Damage())
	if asJSON {
		answer := fsckAnswer{left == 0, report.Rows.Contents, report.Rows.Segments, report.Rows.Names, report.Rows.Past, report.Rows.Uploads,
			report.Files, report.Bytes, report.Findings}
		if answer.Findings == nil {
			answer.Findings = []store.Finding{}
		}
		if err := json.NewEncoder(p.stdout).Encode(answer); err != nil {
			return err
		}
	} else {
		for _, f := range report.Findings {
			note := ""
			if f.Note {
				note = " (note)"
			}
			if err := p.say("%s%s", visible(f.String()), note); err != nil {
				return err
			}
		}
		r := report.Rows
		if err := p.say("%d contents, %d segments, %d names, %d past versions, %d uploads, %d files: %d findings", r.Contents, r.Segments, r.Names,
			r.Past, r.Uploads, report.Files, len(report.Findings)); err != nil {
			return err
		}
	}
	switch {
	case left == 0:
		return nil
	case len(report.Findings) > left:
		return fmt.Errorf("%w: %d of %d findings are left", errIntegrity, left, len(report.Findings))
	}
	return fmt.Errorf("%w: %d findings; `sluiced fsck --repair` does what can be done", errIntegrity, left)
}
