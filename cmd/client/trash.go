package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/client"
)

func (p *program) trashCommand() *cobra.Command {
	group := &cobra.Command{
		Use:   "trash",
		Short: "List, restore or give up what was deleted",
		Example: `  sluice trash ls home:
  sluice trash restore home:docs/a.txt
  sluice trash empty home: --older 7d`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usagef("say ls, restore or empty: `sluice trash ls home:`")
		},
	}
	group.AddCommand(p.trashLs(), p.trashRestore(), p.trashEmpty())
	return group
}

func (p *program) trashLs() *cobra.Command {
	return p.command(&cobra.Command{
		Use:   "ls REMOTE:[PATH]",
		Short: "List what was deleted, the latest first",
		Example: `  sluice trash ls home:
  sluice trash ls home:docs     only what was in docs`,
		Args: arguments(cobra.ExactArgs(1)),
	}, func(ctx context.Context, args []string) error {
		s, path, err := p.reach(ctx, args[0])
		if err != nil {
			return err
		}
		defer s.close()
		return p.listTrash(ctx, s, path)
	})
}

// trashedJSON is a deleted name as --json prints it.
type trashedJSON struct {
	Number  int64  `json:"number"`
	Path    string `json:"path"`
	Kind    string `json:"kind"`
	Size    int64  `json:"size"`
	Names   int64  `json:"names,omitempty"`
	Deleted string `json:"deleted"`
	By      string `json:"by,omitempty"`
}

// manyNames is where a server stops to count.
const manyNames = 10_000

func (p *program) listTrash(ctx context.Context, s *server, path remotePath) error {
	top := strings.Join(path.names, "/")
	list := []trashedJSON{}
	table := p.columns("DELETED\tNUMBER\tSIZE\tBY\tPATH")
	err := s.Trash(ctx, func(t *client.Trashed) bool {
		if top != "" && t.Path != top && !strings.HasPrefix(t.Path, top+"/") {
			return true
		}
		if p.flags.json {
			list = append(list, trashedJSON{t.Number, nameJSON(t.Path), kindName(t.Kind), t.Size, t.Names, exactTimeJSON(t.At), nameJSON(t.Device)})
			return true
		}
		text := visible(t.Path)
		if t.Kind == client.KindFolder {
			text += "/"
			switch {
			case t.Names >= manyNames:
				text += " (" + thousands(t.Names) + " names or more)"
			case t.Names > 0:
				text += " (" + count(t.Names, "name", "names") + ")"
			}
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\n", timeText(t.At), t.Number, thousands(t.Size), visible(t.Device), text)
		return true
	})
	if err != nil {
		return err
	}
	if p.flags.json {
		return p.printJSON(struct {
			Names []trashedJSON `json:"names"`
		}{list})
	}
	return table.Flush()
}

func (p *program) trashRestore() *cobra.Command {
	var to string
	var number int64
	var dry bool
	c := p.command(&cobra.Command{
		Use:   "restore REMOTE:PATH...",
		Short: "Bring back what was deleted",
		Example: `  sluice trash restore home:docs/a.txt
  sluice trash restore home:docs --to home:docs-again
  sluice trash restore home:docs/a.txt --number 48     not the latest of that name`,
		Args: arguments(cobra.MinimumNArgs(1)),
	}, func(ctx context.Context, args []string) error {
		if len(args) > 1 && (to != "" || number != 0) {
			return usagef("--to and --number go with one path")
		}
		for _, arg := range args {
			path, err := parseRemotePath(arg)
			if err != nil {
				return err
			}
			s, err := p.connect(ctx, path.remote)
			if err != nil {
				return err
			}
			err = p.untrash(ctx, s, path, number, to, dry)
			s.close()
			if err != nil {
				return err
			}
		}
		return nil
	})
	c.Flags().StringVar(&to, "to", "", "restore it as, or into the folder, `REMOTE:PATH`")
	c.Flags().Int64Var(&number, "number", 0, "the `NUMBER` that `trash ls` shows, if there are several of that name")
	dryRun(c.Flags(), &dry)
	return c
}

// untrash restores the latest deleted name that stood at a path, or the one with a number.
func (p *program) untrash(ctx context.Context, s *server, path remotePath, number int64, to string, dry bool) error {
	stood := strings.Join(path.names, "/")
	found := false
	if err := s.Trash(ctx, func(t *client.Trashed) bool {
		if found = t.Path == stood && (number == 0 || t.Number == number); found {
			number = t.Number
		}
		return !found
	}); err != nil {
		return err
	}
	if !found {
		return notFoundError(visible(path.String()) + ": it is not in the trash (`sluice trash ls` shows what is; of a deleted folder it shows the folder)")
	}
	return p.bringBack(ctx, s, path, client.RestoreRequest{Trash: number, Dry: dry}, to)
}

func (p *program) trashEmpty() *cobra.Command {
	var older string
	var dry bool
	c := p.command(&cobra.Command{
		Use:   "empty REMOTE:",
		Short: "Give up what was deleted, for good",
		Long:  "What is given up cannot be restored any more, and takes no more room. What stands keeps its versions.",
		Example: `  sluice trash empty home: -n              how much is there?
  sluice trash empty home: --yes
  sluice trash empty home: --older "1 week" --yes`,
		Args: arguments(cobra.ExactArgs(1)),
	}, func(ctx context.Context, args []string) error {
		path, err := parseRemotePath(args[0])
		if err != nil {
			return err
		}
		if len(path.names) > 0 {
			return usagef("%s: the trash is emptied as a whole: write %s:", visible(path.String()), visible(path.remote))
		}
		end := time.Now()
		if older != "" {
			var ok bool
			if end, ok = before(older, end); !ok {
				return usagef("--older %s: write a length of time, as 7d or \"2 weeks\"", visible(older))
			}
		}
		if !dry && !p.flags.yes {
			return usagef("what is given up cannot be restored any more: look with -n, then say --yes")
		}
		s, err := p.connect(ctx, path.remote)
		if err != nil {
			return err
		}
		defer s.close()
		names, err := s.TrashEmpty(ctx, end.UnixNano(), dry)
		if err != nil {
			return err
		}
		if p.flags.json {
			return p.printJSON(struct {
				Event string `json:"event"`
				Dry   bool   `json:"dry_run,omitempty"`
				Names int64  `json:"names"`
			}{"emptied", dry, names})
		}
		if dry {
			p.say("would be given up: %s", count(names, "deleted name", "deleted names"))
		} else {
			p.say("given up: %s", count(names, "deleted name", "deleted names"))
		}
		return nil
	})
	c.Flags().StringVar(&older, "older", "", "only what was deleted longer ago than this `TIME`: 7d, \"2 weeks\"")
	dryRun(c.Flags(), &dry)
	return c
}
