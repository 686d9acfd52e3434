package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (p *program) whoamiCommand() *cobra.Command {
	return p.command(&cobra.Command{
		Use:   "whoami [REMOTE]",
		Short: "Show account, device and space used",
		Example: `  sluice whoami
  sluice whoami work --json`,
		Args:              arguments(cobra.MaximumNArgs(1)),
		ValidArgsFunction: p.completeRemotes,
	}, func(ctx context.Context, args []string) error {
		s, err := p.connect(ctx, remoteArg(args))
		if err != nil {
			return err
		}
		defer s.close()
		hello := s.Hello()
		quota, err := s.Quota(ctx)
		if err != nil {
			return err
		}
		if p.flags.json {
			return p.printJSON(struct {
				Remote  string `json:"remote"`
				User    string `json:"user"`
				Address string `json:"address"`
				Server  string `json:"server"`
				Agent   string `json:"agent"`
				Device  int64  `json:"device"`
				Used    int64  `json:"used"`
				Held    int64  `json:"held"`
				Limit   int64  `json:"limit"`
			}{s.name, nameJSON(hello.Account), s.at.Address, hello.Server, hello.Agent, hello.Device, quota.Used, quota.Held, quota.Limit})
		}
		limit := "no limit"
		if quota.Limit > 0 {
			limit = "of " + size(quota.Limit)
		}
		fmt.Fprintf(p.stdout, "%s at %s (device %d)\n%s used, %s\n", visible(hello.Account), visible(s.at.Address), hello.Device,
			size(quota.Used+quota.Held), limit)
		return nil
	})
}
