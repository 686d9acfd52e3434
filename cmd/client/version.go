package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionText is the version, with the commit where only the build knows it.
func versionText() string {
	if version != "dev" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return version + "-" + s.Value[:12]
		}
	}
	return version
}

func (p *program) versionCommand() *cobra.Command {
	return p.command(&cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Example: `  sluice version
  sluice version --json`,
		Args: arguments(cobra.NoArgs),
	}, func(context.Context, []string) error {
		if p.flags.json {
			return p.printJSON(struct {
				Version string `json:"version"`
				Go      string `json:"go"`
			}{versionText(), runtime.Version()})
		}
		_, err := fmt.Fprintf(p.stdout, "sluice %s (%s, %s/%s)\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	})
}
