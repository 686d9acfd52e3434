package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/client"
)

// restoreFlags are the flags of restore.
type restoreFlags struct {
	at, to     string
	exact, dry bool
}

func (p *program) restoreCommand() *cobra.Command {
	var flags restoreFlags
	c := p.command(&cobra.Command{
		Use:   "restore REMOTE:PATH [--at TIME]",
		Short: "Bring back a file or folder as it was",
		Long: `A folder gets back what it had at that time: what is missing comes, what differs is replaced, what came later
stays. What is replaced is kept as a version. Without --at the deleted file or folder is taken out of the trash.`,
		Example: `  sluice restore home:docs/a.txt --at "yesterday 18:00"
  sluice restore home:docs --at "2h ago" -n           what would be done?
  sluice restore home:docs --at "2h ago" --exact      what came later is deleted
  sluice restore home:docs --at 2026-11-01 --to home:docs-november
  sluice restore home:docs/deleted.txt`,
		Args:              arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: p.completePaths,
	}, func(ctx context.Context, args []string) error { return p.restore(ctx, args[0], flags) })
	atFlag(c.Flags(), &flags.at)
	c.Flags().StringVar(&flags.to, "to", "", "restore it as, or into the folder, `REMOTE:PATH`")
	c.Flags().BoolVar(&flags.exact, "exact", false, "delete what came into a folder later")
	dryRun(c.Flags(), &flags.dry)
	return c
}

func (p *program) restore(ctx context.Context, arg string, flags restoreFlags) error {
	at, err := when(flags.at, time.Now())
	if err != nil {
		return err
	}
	s, path, err := p.reach(ctx, arg)
	if err != nil {
		return err
	}
	defer s.close()
	if at == 0 {
		if flags.exact {
			return usagef("--exact goes with --at")
		}
		l, err := s.locate(ctx, path)
		if err == nil && l.whole() && flags.to == "" {
			return usagef("%s is there: say --at TIME to bring back how it was (`sluice versions` shows times)", visible(path.String()))
		}
		return p.untrash(ctx, s, path, 0, flags.to, flags.dry)
	}
	q := client.RestoreRequest{Path: path.names, At: at, Exact: flags.exact, Dry: flags.dry}
	return p.bringBack(ctx, s, path, q, flags.to)
}

// bringBack asks for a restore and tells what it did.
func (p *program) bringBack(ctx context.Context, s *server, path remotePath, q client.RestoreRequest, to string) error {
	target := path
	if to != "" {
		place, err := parseRemotePath(to)
		if err != nil {
			return err
		}
		if place.remote != path.remote {
			return usagef("%s and %s are on different servers", visible(path.String()), visible(place.String()))
		}
		if len(path.names) == 0 && len(place.names) == 0 {
			return usagef("the root needs a name to be restored to")
		}
		t, err := s.target(ctx, place, path.last())
		if err != nil {
			return err
		}
		q.Parent, q.Name, target = t.parent, t.name, t.path
	}
	done, err := s.Restore(ctx, q)
	if err != nil {
		return restoreError(path, target, err)
	}
	if p.flags.json {
		return p.printJSON(struct {
			Event    string `json:"event"`
			Path     string `json:"path"`
			To       string `json:"to"`
			Dry      bool   `json:"dry_run,omitempty"`
			Node     int64  `json:"node"`
			Restored int64  `json:"restored"`
			Replaced int64  `json:"replaced"`
			Deleted  int64  `json:"deleted"`
		}{"restored", nameJSON(path.String()), nameJSON(target.String()), q.Dry, done.Node, done.Made, done.Replaced, done.Deleted})
	}
	prefix := ""
	if q.Dry {
		prefix = "would be done: "
	}
	text := fmt.Sprintf("%s restored, %s replaced", count(done.Made, "name", "names"), thousands(done.Replaced))
	if done.Deleted > 0 {
		text += ", " + thousands(done.Deleted) + " deleted"
	}
	if done.Made+done.Replaced+done.Deleted == 0 {
		text = "nothing to do, it is so"
	}
	p.say("%s%s: %s", prefix, visible(target.String()), text)
	return nil
}

// restoreError says why not in words that name the path.
func restoreError(path, target remotePath, err error) error {
	at := visible(path.String())
	switch client.CodeOf(err) {
	case client.NotFound:
		return notFoundError(at + ": there was no such file or folder then (`sluice versions` and `sluice log` tell what there was)")
	case client.NotKept:
		return notFoundError(at + ": versions that old are not kept any more")
	case client.Exists:
		return fmt.Errorf("%s: something stands there: --to restores under another name", visible(target.String()))
	case client.IsFolder, client.NotFolder:
		return fmt.Errorf("%s: a folder stands where a file was, or the other way round: --exact deletes it first, --to restores to another place", visible(target.String()))
	}
	return fmt.Errorf("%s: %w", at, err)
}
