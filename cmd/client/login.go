package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sluice/internal/cli"
	"sluice/internal/client"
)

func (p *program) loginCommand() *cobra.Command {
	var user, name string
	var from cli.Password
	c := p.command(&cobra.Command{
		Use:   "login URL",
		Short: "Log this device in to a server and give the server a name",
		Long: `Log this device in to a server. It gets a token of its own, which is kept in remotes.toml (readable by you only) and
ends with logout. The password is not kept. --plain has to be given again with each command.`,
		Example: `  sluice login sluice+plain://127.0.0.1 --user ann
  sluice login sluice+plain://127.0.0.1:7441 --user ann --name work
  sluice login sluice+plain://127.0.0.1 --user ann --password-file ~/.secret`,
		Args: arguments(cobra.ExactArgs(1)),
	}, func(ctx context.Context, args []string) error { return p.login(ctx, args[0], user, name, from) })
	c.Flags().StringVar(&user, "user", "", "account `NAME`")
	c.Flags().StringVar(&name, "name", defaultRemote, "what to call the server, as in home:docs")
	from.Add(c.Flags())
	return c
}

func (p *program) login(ctx context.Context, address, user, name string, from cli.Password) error {
	if err := remoteName(name); err != nil {
		return err
	}
	if _, err := client.ParseAddress(address); err != nil {
		return err
	}
	all, err := p.loadRemotes()
	if err != nil {
		return err
	}
	old, known := all.Remotes[name]
	if known && old.Address != address && !p.flags.yes {
		return usagef("%s is %s already: choose another --name, log out of it first, or use -y to replace it", visible(name), visible(old.Address))
	}
	r, err := p.dial(ctx, address, "")
	if err != nil {
		return fmt.Errorf("reach %s: %w", visible(address), err)
	}
	defer r.Close()
	if user == "" {
		if user, err = p.askUser(); err != nil {
			return err
		}
	}
	password, err := p.password(from, user)
	if err != nil {
		return err
	}
	device, err := os.Hostname()
	if err != nil || device == "" {
		device = "unnamed"
	}
	reply, err := r.Login(ctx, user, password, device)
	if err != nil {
		return err
	}
	all.Remotes[name] = remote{Address: address, User: user, Device: reply.Device, Server: r.Hello().Server, Token: reply.Token}
	if err := all.save(); err != nil {
		// A token that is kept nowhere is of use to nobody.
		_ = r.Revoke(ctx, 0)
		return err
	}
	if known && old.Server == r.Hello().Server && old.User == user && old.Device != reply.Device {
		_ = r.Revoke(ctx, old.Device) // the token that was replaced; it may be ended already
	}
	if p.flags.json {
		return p.printJSON(struct {
			Remote string `json:"remote"`
			User   string `json:"user"`
			Device int64  `json:"device"`
			Server string `json:"server"`
		}{name, nameJSON(user), reply.Device, r.Hello().Server})
	}
	p.say("Logged in as %s. The server is called %s here: try `sluice ls %s:`", visible(user), name, name)
	return nil
}

// askUser asks for the account's name at the terminal.
func (p *program) askUser() (string, error) {
	if !onTerminal(p.stdin) {
		return "", usagef("whose account is it? Say --user NAME")
	}
	fmt.Fprint(p.stderr, "User: ")
	line, err := bufio.NewReader(p.stdin).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("read the user: %w", err)
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", usagef("whose account is it? Say --user NAME")
	}
	return line, nil
}
