package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"sluice/internal/client"
)

func (p *program) versionsCommand() *cobra.Command {
	return p.command(&cobra.Command{
		Use:   "versions REMOTE:PATH",
		Short: "Show what is kept of a file, deleted ones too",
		Example: `  sluice versions home:docs/a.txt
  sluice get home:docs/a.txt --at "2026-11-21 18:00:05.123456" -o old.txt    one of the times it shows
  sluice restore home:docs/a.txt --at "2026-11-21 18:00:05.123456"`,
		Args:              arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: p.completePaths,
	}, func(ctx context.Context, args []string) error { return p.versions(ctx, args[0]) })
}

// versionJSON is a version as --json prints it.
type versionJSON struct {
	entryJSON
	At      string `json:"at,omitempty"`
	By      string `json:"by,omitempty"`
	State   string `json:"state"`
	Until   string `json:"until,omitempty"`
	EndedBy string `json:"ended_by,omitempty"`
}

func (p *program) versions(ctx context.Context, arg string) error {
	s, path, err := p.reach(ctx, arg)
	if err != nil {
		return err
	}
	defer s.close()
	var all []*client.KeptVersion
	err = s.Versions(ctx, 0, path.names, func(v *client.KeptVersion) bool { all = append(all, v); return true })
	if client.CodeOf(err) == client.NotFound {
		return notFoundError(visible(path.String()) + ": there is and was no such file or folder, as far as is kept")
	}
	if err != nil {
		return err
	}
	if p.flags.json {
		list := make([]versionJSON, len(all))
		for i, v := range all {
			list[i] = versionJSON{entryOf(v.Name, v.Entry), exactTimeJSON(v.Made), nameJSON(v.By), v.How.String(), exactTimeJSON(v.Ended), nameJSON(v.Ending)}
		}
		return p.printJSON(struct {
			Path     string        `json:"path"`
			Versions []versionJSON `json:"versions"`
		}{nameJSON(path.String()), list})
	}
	table := p.columns("AT\tSIZE\tBY\tSTATE")
	for _, v := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", orUnknown(v.Made), sizeText(v.Entry), visible(v.By), versionState(v, path.last()))
	}
	return table.Flush()
}

func orUnknown(ns int64) string {
	if ns == 0 {
		return "?"
	}
	return exactTime(ns)
}

// versionState says in words what became of a version.
func versionState(v *client.KeptVersion, name string) string {
	text := "now"
	if v.How != client.Standing {
		text = v.How.String() + " " + orUnknown(v.Ended)
		if v.Ending != "" && v.Ending != v.By {
			text += " by " + visible(v.Ending)
		}
	}
	if v.Name != name {
		text += " (as " + visible(v.Name) + ")"
	}
	return text
}
