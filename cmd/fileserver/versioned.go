package main

import (
	"encoding/json"
	"runtime"

	"github.com/spf13/cobra"
)

func (p *program) versionCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  sluiced version",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return json.NewEncoder(p.stdout).Encode(struct {
					Version string `json:"version"`
					Go      string `json:"go"`
				}{versionText(), runtime.Version()})
			}
			return p.say("sluiced %s (%s, %s/%s)", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return command
}
