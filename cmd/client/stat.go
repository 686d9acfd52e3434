package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/client"
)

func (p *program) statCommand() *cobra.Command {
	var at string
	c := p.command(&cobra.Command{
		Use:   "stat REMOTE:PATH",
		Short: "Show all that is known of a file or folder",
		Example: `  sluice stat home:docs/a.txt
  sluice stat --json home:docs/a.txt
  sluice stat home:docs/a.txt --at "2h ago"     as it was`,
		Args:              arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: p.completePaths,
	}, func(ctx context.Context, args []string) error {
		s, path, l, _, err := p.reachAt(ctx, args[0], at)
		if err != nil {
			return err
		}
		defer s.close()
		e := l.last()
		if p.flags.json {
			return p.printJSON(entryOf(path.String(), e))
		}
		row := func(name, format string, args ...any) {
			fmt.Fprintf(p.stdout, "%-8s "+format+"\n", append([]any{name}, args...)...)
		}
		row("path", "%s", visible(path.String()))
		row("kind", "%s", kindName(e.Kind))
		if e.Kind != client.KindFolder {
			row("size", "%s bytes (%s)", thousands(e.Size), size(e.Size))
			row("blake3", "%s", e.Hash)
		}
		row("mode", "%s (%04o)", modeText(e), e.Mode)
		row("changed", "%s", time.Unix(0, e.Mtime).Format("2006-01-02 15:04:05.999999999 -0700"))
		row("node", "%d", e.Node)
		row("version", "%d", e.Version)
		return nil
	})
	atFlag(c.Flags(), &at)
	return c
}
