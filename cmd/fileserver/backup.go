package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"sluice/internal/store"
)

func (p *program) backupCommand() *cobra.Command {
	var config store.BackupConfig
	var asJSON bool
	command := &cobra.Command{
		Use:   "backup DEST",
		Short: "Copy database and contents into a folder, beside a running server",
		Long: `Backup copies the database as it is at one moment, and every content it names, into the folder DEST. Given the same
folder again it brings only what is new. On the data folder's own file system files are linked, which costs no room (--copy
makes copies, or shares extents where the file system can); elsewhere they are copied. Stopped half-way, DEST is still the
backup it was.

It ends with 0 when everything is in it and with 10 when contents that are damaged or lost are not.`,
		Example: `  sluiced backup /mnt/backup/sluice
  sluiced backup verify /mnt/backup/sluice              read it all again and compare
  sluiced restore /mnt/backup/sluice --data /srv/new    into an empty folder`,
		Args: exactly("DEST"),
		RunE: func(command *cobra.Command, args []string) error {
			s, err := p.flags.load()
			if err != nil {
				return err
			}
			if err := checkFolder(s.data); err != nil {
				return err
			}
			ctx, stop := interruptible(command.Context())
			defer stop()
			config.Data, config.To, config.Progress = s.data, args[0], new(store.Progress)
			config.Tell = p.tell
			end := p.draw(config.Progress)
			report, err := store.Backup(ctx, config)
			end()
			if err != nil {
				return fmt.Errorf("backup: %w", err)
			}
			return p.showBackup(&report, config.DryRun, asJSON)
		},
	}
	flags := command.Flags()
	flags.BoolVar(&config.Copy, "copy", false, "link nothing: the backup does not share files with the data folder")
	flags.BoolVarP(&config.DryRun, "dry-run", "n", false, "only say what would be brought")
	flags.BoolVar(&asJSON, "json", false, "one JSON object")
	command.AddCommand(p.backupVerifyCommand())
	return command
}

// tell writes a finding to standard error.
func (p *program) tell(f store.Finding) { fmt.Fprintf(p.stderr, "%s\n", visible(f.String())) }

func (p *program) showBackup(r *store.BackupReport, dry, asJSON bool) (err error) {
	switch {
	case asJSON:
		err = json.NewEncoder(p.stdout).Encode(r)
	case dry:
		err = p.say("would bring %d contents (%s) of %d (%s)", r.Fresh, formatSize(r.New), r.Contents, formatSize(r.Bytes))
	default:
		err = p.say("%d contents (%s) are in it, %d (%s) of them new: %d files linked, %d sharing extents, %s copied, %d files removed", r.Contents,
			formatSize(r.Bytes), r.Fresh, formatSize(r.New), r.Linked, r.Shared, formatSize(r.Copied), r.Removed)
	}
	if err == nil && r.Missing > 0 {
		err = fmt.Errorf("%w: %d contents are not in the backup", errIntegrity, r.Missing)
	}
	return err
}

// verifyAnswer is a verified backup in JSON.
type verifyAnswer struct {
	store.Manifest
	Clean    bool            `json:"clean"`
	Read     int64           `json:"bytes_read"`
	Findings []store.Finding `json:"findings"`
}

func (p *program) backupVerifyCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "verify DEST",
		Short: "Read a backup again and compare it with itself",
		Long: `Verify checks a backup's database, reads every content again and compares it with its hash. It changes nothing, and DEST may
be one that nobody can write to. It ends with 10 when something is damaged.`,
		Example: "  sluiced backup verify /mnt/backup/sluice\n  sluiced backup verify /mnt/backup/sluice --json",
		Args:    exactly("DEST"),
		RunE: func(command *cobra.Command, args []string) error {
			ctx, stop := interruptible(command.Context())
			defer stop()
			progress := new(store.Progress)
			end := p.draw(progress)
			m, report, err := store.BackupVerify(ctx, args[0], nil, progress)
			end()
			if err != nil {
				return fmt.Errorf("verify: %w", err)
			}
			left := len(report.Damage())
			if asJSON {
				answer := verifyAnswer{*m, left == 0, report.Bytes, append([]store.Finding{}, report.Findings...)}
				err = json.NewEncoder(p.stdout).Encode(answer)
			} else {
				for _, f := range report.Findings {
					p.tell(f)
				}
				err = p.say("made %s: %d contents, %d names, %s read: %d findings", m.Made.Local().Format("2006-01-02 15:04:05"), m.Contents,
					report.Rows.Names, formatSize(report.Bytes), len(report.Findings))
			}
			if err == nil && left > 0 {
				err = fmt.Errorf("%w: %d findings", errIntegrity, left)
			}
			return err
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return command
}

func (p *program) restoreCommand() *cobra.Command {
	var config store.BackupRestoreConfig
	var asJSON bool
	command := &cobra.Command{
		Use:   "restore SRC",
		Short: "Make a data folder of a backup",
		Long: `Restore copies a backup into an empty data folder and compares every content with its hash; one that is damaged is marked and
not served. Clients see that the server went back in time: they list anew and delete nothing. Unfinished uploads are gone.`,
		Example: `  sluiced restore /mnt/backup/sluice --data /srv/sluice
  sluiced restore /mnt/backup/sluice -n --data /srv/sluice`,
		Args: exactly("SRC"),
		RunE: func(command *cobra.Command, args []string) error {
			s, err := p.flags.load()
			if err != nil {
				return err
			}
			ctx, stop := interruptible(command.Context())
			defer stop()
			config.From, config.Data, config.Progress, config.Tell = args[0], s.data, new(store.Progress), p.tell
			end := p.draw(config.Progress)
			report, err := store.BackupRestore(ctx, config)
			end()
			switch {
			case err != nil:
				return fmt.Errorf("restore: %w", err)
			case asJSON:
				err = json.NewEncoder(p.stdout).Encode(report)
			case config.DryRun:
				err = p.say("would restore %d contents (%s) as of %s into %s", report.Contents, formatSize(report.Bytes),
					report.Made.Local().Format("2006-01-02 15:04:05"), visible(s.data))
			default:
				err = p.say("%d contents (%s) as of %s are in %s: %s copied, %d files sharing extents", report.Contents, formatSize(report.Bytes),
					report.Made.Local().Format("2006-01-02 15:04:05"), visible(s.data), formatSize(report.Copied), report.Shared)
			}
			if err == nil && report.Damaged > 0 {
				err = fmt.Errorf("%w: %d contents are not whole in the backup", errIntegrity, report.Damaged)
			}
			return err
		},
	}
	flags := command.Flags()
	flags.BoolVarP(&config.DryRun, "dry-run", "n", false, "only say what would be restored")
	flags.BoolVar(&asJSON, "json", false, "one JSON object")
	return command
}
