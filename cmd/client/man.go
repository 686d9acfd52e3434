package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manCommand writes the manual pages from the commands themselves, for `make install`.
func (p *program) manCommand() *cobra.Command {
	var c *cobra.Command
	c = p.command(&cobra.Command{
		Use:     "man DIR",
		Short:   "Write the manual pages of all commands into a folder",
		Example: "  sluice man /usr/local/share/man/man1",
		Args:    arguments(cobra.ExactArgs(1)),
		Hidden:  true,
	}, func(_ context.Context, args []string) error {
		if err := os.MkdirAll(args[0], 0o755); err != nil {
			return fmt.Errorf("write manual pages: %w", err)
		}
		root := c.Root()
		root.DisableAutoGenTag = true // two builds of one version give the same pages
		if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "sluice " + versionText(), Manual: "Sluice"}, args[0]); err != nil {
			return fmt.Errorf("write manual pages: %w", err)
		}
		return nil
	})
	return c
}
