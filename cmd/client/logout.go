package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"sluice/internal/client"
)

func (p *program) logoutCommand() *cobra.Command {
	var local bool
	c := p.command(&cobra.Command{
		Use:   "logout [REMOTE]",
		Short: "End this device's token and forget the server",
		Example: `  sluice logout
  sluice logout work
  sluice logout work --local     the server is gone: only forget it`,
		Args:              arguments(cobra.MaximumNArgs(1)),
		ValidArgsFunction: p.completeRemotes,
	}, func(ctx context.Context, args []string) error { return p.logout(ctx, remoteArg(args), local) })
	c.Flags().BoolVar(&local, "local", false, "only forget the token here; on the server it stays valid")
	return c
}

// remoteArg is the remote an optional argument names, with or without a colon.
func remoteArg(args []string) string {
	if len(args) == 0 {
		return defaultRemote
	}
	if n := len(args[0]); n > 1 && args[0][n-1] == ':' {
		return args[0][:n-1]
	}
	return args[0]
}

func (p *program) logout(ctx context.Context, name string, local bool) error {
	all, err := p.loadRemotes()
	if err != nil {
		return err
	}
	at, err := all.find(name)
	if err != nil {
		return err
	}
	if !local {
		if err := p.revoke(ctx, at); err != nil {
			return fmt.Errorf("end the token on the server (--local only forgets it here): %w", err)
		}
	}
	delete(all.Remotes, name)
	if err := all.save(); err != nil {
		return err
	}
	p.say("Logged out of %s.", name)
	return nil
}

// revoke ends the token; one that has ended already is as good.
func (p *program) revoke(ctx context.Context, at remote) error {
	r, err := p.dial(ctx, at.Address, at.Token)
	if err == nil {
		defer r.Close()
		err = r.Revoke(ctx, 0)
	}
	switch client.CodeOf(err) {
	case client.Revoked, client.BadLogin, client.NotLoggedIn:
		return nil
	}
	return err
}
