package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sluice/internal/store"
)

// errSome says that a part of what was asked for was not done.
var errSome = errors.New("not all of it")

func (p *program) exportCommand() *cobra.Command {
	var config store.ExportConfig
	var asJSON bool
	command := &cobra.Command{
		Use:   "export USER DIR",
		Short: "Write an account's files as plain files",
		Long: `Export writes an account's tree, as it is when it begins, into DIR, with modes and times, beside a running server or without one.
Each file is compared with its hash first. Where the file system can, files share their extents with the data folder.
Nothing in DIR is overwritten: names that stand there are told and left. It ends with 7 when some names were not written, with
10 when files are damaged.`,
		Example: "  sluiced export ann /srv/export/ann\n  sluiced export ann /srv/export/ann -n",
		Args:    exactly("USER", "DIR"),
		RunE: func(command *cobra.Command, args []string) error {
			s, err := p.flags.load()
			if err != nil {
				return err
			}
			config.User, config.To, config.Tell, config.Progress = args[0], args[1], p.tell, new(store.Progress)
			ctx, stop := interruptible(command.Context())
			defer stop()
			if err := mustBeThere(s.data); err != nil {
				return err
			}
			var r store.ExportReport
			err = p.withStore(s.data, func(st *store.Store) (err error) {
				defer p.draw(config.Progress)()
				r, err = st.Export(ctx, config)
				return err
			})
			switch {
			case err != nil:
				return fmt.Errorf("export: %w", err)
			case asJSON:
				err = json.NewEncoder(p.stdout).Encode(r)
			case config.DryRun:
				err = p.say("would write %d files (%s), %d folders, %d links", r.Files, formatSize(r.Bytes), r.Folders, r.Links)
			default:
				err = p.say("%d files (%s), %d folders, %d links written; %d share extents", r.Files, formatSize(r.Bytes), r.Folders, r.Links, r.Shared)
			}
			switch {
			case err != nil:
			case r.Damaged > 0:
				err = fmt.Errorf("%w: %d files were not written", errIntegrity, r.Damaged)
			case r.There+r.Failed > 0:
				err = fmt.Errorf("%w: %d names stood there and were left, %d could not be written", errSome, r.There, r.Failed)
			}
			return err
		},
	}
	flags := command.Flags()
	flags.BoolVarP(&config.DryRun, "dry-run", "n", false, "only say what would be written")
	flags.BoolVar(&asJSON, "json", false, "one JSON object")
	return command
}

func (p *program) importCommand() *cobra.Command {
	var config store.ImportConfig
	var asJSON bool
	command := &cobra.Command{
		Use:   "import USER DIR",
		Short: "Bring a folder into an account's files",
		Long: `Import brings what DIR holds into the root of an account's tree, with modes and times, beside a running server or without one.
Each file is read once, or shared where the file system can share extents. The account's quota holds. Nothing is
overwritten: a name that stands there with something else is told and left; the same file again is nothing. It ends with 7 when
some names did not come.`,
		Example: "  sluiced import ann /srv/old-server/ann\n  sluiced import ann /srv/old-server/ann -n",
		Args:    exactly("USER", "DIR"),
		RunE: func(command *cobra.Command, args []string) error {
			s, err := p.flags.load()
			if err != nil {
				return err
			}
			config.User, config.From, config.Tell, config.Progress = args[0], args[1], p.tell, new(store.Progress)
			ctx, stop := interruptible(command.Context())
			defer stop()
			if err := mustBeThere(s.data); err != nil {
				return err
			}
			var r store.ImportReport
			err = p.withStore(s.data, func(st *store.Store) (err error) {
				defer p.draw(config.Progress)()
				r, err = st.Import(ctx, config)
				return err
			})
			switch {
			case err != nil:
				return fmt.Errorf("import: %w", err)
			case asJSON:
				err = json.NewEncoder(p.stdout).Encode(r)
			case config.DryRun:
				err = p.say("would bring %d files (%s), %d folders, %d links", r.Files, formatSize(r.Bytes), r.Folders, r.Links)
			default:
				err = p.say("%d files (%s), %d folders, %d links are there; %d share extents", r.Files, formatSize(r.Bytes), r.Folders, r.Links, r.Shared)
			}
			if err == nil && r.There+r.Failed > 0 {
				err = fmt.Errorf("%w: %d names stood there with something else, %d could not be read", errSome, r.There, r.Failed)
			}
			return err
		},
	}
	flags := command.Flags()
	flags.BoolVarP(&config.DryRun, "dry-run", "n", false, "only say what would be brought")
	flags.BoolVar(&asJSON, "json", false, "one JSON object")
	return command
}
