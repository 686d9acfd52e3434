package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/cli"
	"sluice/internal/store"
)

func (p *program) userCommand() *cobra.Command {
	group := &cobra.Command{
		Use:   "user",
		Short: "Add, change, list and remove accounts",
		Long:  "Accounts are kept in the data folder. These commands work beside a running server and without one.",
		Example: `  sluiced user add ann --quota 10G
  sluiced user list
  sluiced user set ann --quota none
  sluiced user remove ann`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return cli.Usagef("say add, set, list or remove: `sluiced user add NAME`")
		},
	}
	group.AddCommand(p.userAdd(), p.userSet(), p.userList(), p.userRemove())
	return group
}

func (p *program) userAdd() *cobra.Command {
	var from cli.Password
	var quota, plan string
	var dry bool
	command := &cobra.Command{
		Use:   "add NAME",
		Short: "Add an account",
		Example: `  sluiced user add ann                                  asks for the password
  sluiced user add ann --quota 10G --password-file secret
  sluiced user add ann --plan small                     quota and times of that plan
  pass show sluice/ann | sluiced user add ann --password-stdin`,
		Args: exactly("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := p.flags.load()
			if err != nil {
				return err
			}
			limit, err := parseSize(quota)
			if err != nil {
				return err
			}
			if dry {
				return p.say("would add user %s with %s", visible(args[0]), limitText(limit, plan))
			}
			password, err := p.password(from, args[0])
			if err != nil {
				return err
			}
			err = p.withStore(s.data, func(st *store.Store) error { return st.UserAdd(args[0], password, limit, plan) })
			if err != nil {
				return fmt.Errorf("add user: %w", err)
			}
			return p.say("added user %s with %s", visible(args[0]), limitText(limit, plan))
		},
	}
	from.Add(command.Flags())
	command.Flags().StringVar(&quota, "quota", "none", "bytes the account may keep, versions included: `SIZE` like 10G, or none but the plan's")
	command.Flags().StringVar(&plan, "plan", "", "the `PLAN` whose limits it has (see sluiced plan)")
	command.Flags().BoolVarP(&dry, "dry-run", "n", false, "only say what would be done")
	return command
}

func (p *program) userSet() *cobra.Command {
	var from cli.Password
	var quota, plan string
	var ask, dry bool
	command := &cobra.Command{
		Use:   "set NAME",
		Short: "Change an account's password, quota or plan",
		Example: `  sluiced user set ann --quota 20G
  sluiced user set ann --plan small --quota none        what the plan says
  sluiced user set ann --password                       asks for the new one
  sluiced user set ann --password-stdin < secret`,
		Args: exactly("NAME"),
		RunE: func(command *cobra.Command, args []string) error {
			s, err := p.flags.load()
			if err != nil {
				return err
			}
			var limit *int64
			if command.Flags().Changed("quota") {
				n, err := parseSize(quota)
				if err != nil {
					return err
				}
				limit = &n
			}
			var newPlan *string
			if command.Flags().Changed("plan") {
				if newPlan = &plan; plan == "none" {
					plan = ""
				}
			}
			change := ask || from.Stdin || from.File != ""
			if limit == nil && newPlan == nil && !change {
				return cli.Usagef("nothing to change: give --quota SIZE, --plan PLAN, --password, --password-stdin or --password-file")
			}
			if dry {
				return p.say("would change user %s", visible(args[0]))
			}
			var secret *string
			if change {
				password, err := p.password(from, args[0])
				if err != nil {
					return err
				}
				secret = &password
			}
			err = p.withStore(s.data, func(st *store.Store) error { return st.UserSet(args[0], secret, limit, newPlan) })
			if err != nil {
				return fmt.Errorf("change user: %w", err)
			}
			return p.say("changed user %s", visible(args[0]))
		},
	}
	from.Add(command.Flags())
	command.Flags().BoolVar(&ask, "password", false, "change the password; it is asked for")
	command.Flags().StringVar(&quota, "quota", "", "bytes the account may keep, versions included: `SIZE` like 10G, or none but the plan's")
	command.Flags().StringVar(&plan, "plan", "", "the `PLAN` whose limits it has, or none")
	command.Flags().BoolVarP(&dry, "dry-run", "n", false, "only say what would be done")
	return command
}

// userLine is an account in JSON.
type userLine struct {
	Name  string `json:"name"`
	Quota int64  `json:"quota"` // its own or its plan's; 0: none
	Plan  string `json:"plan,omitempty"`
	Used  int64  `json:"used"`
	Held  int64  `json:"held"`
	Made  string `json:"made"`
}

func (p *program) userList() *cobra.Command {
	return listing(p, "users", "List the accounts", "  sluiced user list\n  sluiced user list --json",
		(*store.Store).Users, p.usersJSON, p.usersTable)
}

func (p *program) usersJSON(users []store.User) error {
	lines := make([]userLine, 0, len(users))
	for _, u := range users {
		lines = append(lines, userLine{u.Name, u.Quota, u.Plan, u.Used, u.Held, time.Unix(0, u.Made).UTC().Format(time.RFC3339)})
	}
	return json.NewEncoder(p.stdout).Encode(struct {
		Users []userLine `json:"users"`
	}{lines})
}

func (p *program) usersTable(users []store.User) error {
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tUSED\tHELD\tQUOTA\tPLAN\tMADE")
	for _, u := range users {
		plan := "-"
		if u.Plan != "" {
			plan = visible(u.Plan)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", visible(u.Name), formatSize(u.Used), formatSize(u.Held), sizeOrNone(u.Quota), plan,
			time.Unix(0, u.Made).Format(time.DateOnly))
	}
	return table.Flush()
}

func (p *program) userRemove() *cobra.Command {
	var yes, dry bool
	command := &cobra.Command{
		Use:     "remove NAME",
		Short:   "Remove an account with all its files and versions",
		Long:    "Close an account at once, and remove all its files and versions. Others can write meanwhile; if this is cut off, the server goes on with it.",
		Example: "  sluiced user remove ann\n  sluiced user remove ann --yes          does not ask",
		Args:    exactly("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := p.flags.load()
			if err != nil {
				return err
			}
			name := visible(args[0])
			if dry {
				return p.say("would remove user %s with all files and versions", name)
			}
			if !yes {
				if !p.onTerminal() {
					return cli.Usagef("removing user %s removes all its files: say --yes", name)
				}
				answer, err := p.ask(fmt.Sprintf("Remove user %s with all files and versions? Type the name to confirm: ", name))
				if err != nil {
					return err
				}
				if answer != args[0] {
					return cli.Usagef("not confirmed: nothing was removed")
				}
			}
			err = p.withStore(s.data, func(st *store.Store) error { return st.UserRemove(args[0]) })
			if err != nil {
				return fmt.Errorf("remove user: %w", err)
			}
			return p.say("removed user %s", name)
		},
	}
	command.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	command.Flags().BoolVarP(&dry, "dry-run", "n", false, "only say what would be done")
	return command
}

// limitText says what limits an account that was added has.
func limitText(limit int64, plan string) string {
	switch {
	case plan == "":
		return quotaText(limit)
	case limit == 0:
		return "the limits of plan " + visible(plan)
	}
	return quotaText(limit) + " and the other limits of plan " + visible(plan)
}

// sizeOrNone is a quota in a table.
func sizeOrNone(limit int64) string {
	if limit == 0 {
		return "none"
	}
	return formatSize(limit)
}

func quotaText(limit int64) string {
	if limit == 0 {
		return "no quota"
	}
	return "a quota of " + formatSize(limit)
}

// say writes one line to standard output.
func (p *program) say(format string, args ...any) error {
	_, err := fmt.Fprintf(p.stdout, format+"\n", args...)
	return err
}

// exactly is the check of a command with these arguments, by name.
func exactly(names ...string) cobra.PositionalArgs {
	return func(command *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		return cli.Usagef("%s wants %d argument (%s), got %d", command.CommandPath(), len(names), names[0], len(args))
	}
}
