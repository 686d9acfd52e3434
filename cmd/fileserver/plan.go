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

func (p *program) planCommand() *cobra.Command {
	group := &cobra.Command{
		Use:   "plan",
		Short: "Limits that accounts share",
		Long: `A plan says how much its accounts may keep, and for how long replaced contents and deleted names stay. What it does not
say is as the configuration says. An account's own quota goes before its plan's.`,
		Example: `  sluiced plan set small --quota 10G --versions 7d --trash 14d
  sluiced user set ann --plan small
  sluiced plan list`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return cli.Usagef("say list, set or remove: `sluiced plan set NAME --quota 10G`")
		},
	}
	group.AddCommand(p.planList(), p.planSet(), p.planRemove())
	return group
}

func (p *program) planSet() *cobra.Command {
	var quota, versions, trash string
	var dry bool
	command := &cobra.Command{
		Use:   "set NAME",
		Short: "Add or change a plan",
		Example: `  sluiced plan set small --quota 10G --versions 7d --trash 14d
  sluiced plan set small --versions default             as the configuration says`,
		Args: exactly("NAME"),
		RunE: func(command *cobra.Command, args []string) error {
			s, err := p.flags.load()
			if err != nil {
				return err
			}
			var change store.PlanChange
			if command.Flags().Changed("quota") {
				n, err := parseSize(quota)
				if err != nil {
					return err
				}
				change.Quota = &n
			}
			for _, f := range []struct {
				name, text string
				to         **time.Duration
			}{{"versions", versions, &change.Versions}, {"trash", trash, &change.Trash}} {
				if !command.Flags().Changed(f.name) {
					continue
				}
				d := new(time.Duration)
				if f.text != "default" {
					if err := period(time.Minute, 100*365*day).read(d, f.text); err != nil {
						return cli.Usagef("--%s %s: %v; or default", f.name, visible(f.text), err)
					}
				}
				*f.to = d
			}
			if dry {
				return p.say("would set plan %s", visible(args[0]))
			}
			if err := p.withStore(s.data, func(st *store.Store) error { return st.PlanSet(args[0], change) }); err != nil {
				return fmt.Errorf("set plan: %w", err)
			}
			return p.say("set plan %s", visible(args[0]))
		},
	}
	f := command.Flags()
	f.StringVar(&quota, "quota", "", "bytes each account may keep, versions included: `SIZE` like 10G, or none")
	f.StringVar(&versions, "versions", "", "replaced contents stay readable for this `TIME`, like 30d, or default")
	f.StringVar(&trash, "trash", "", "deleted files and folders can be restored for this `TIME`, like 30d, or default")
	f.BoolVarP(&dry, "dry-run", "n", false, "only say what would be done")
	return command
}

// planLine is a plan in JSON.
type planLine struct {
	Name     string `json:"name"`
	Quota    int64  `json:"quota"`              // 0: none
	Versions string `json:"versions,omitempty"` // absent: as the configuration says
	Trash    string `json:"trash,omitempty"`
	Users    int64  `json:"users"`
}

func (p *program) planList() *cobra.Command {
	return listing(p, "plans", "List the plans", "  sluiced plan list\n  sluiced plan list --json",
		(*store.Store).Plans, p.plansJSON, p.plansTable)
}

func (p *program) plansJSON(plans []store.Plan) error {
	lines := make([]planLine, len(plans))
	for i, one := range plans {
		lines[i] = planLine{one.Name, one.Quota, keptText(one.Versions, ""), keptText(one.Trash, ""), one.Users}
	}
	return json.NewEncoder(p.stdout).Encode(struct {
		Plans []planLine `json:"plans"`
	}{lines})
}

func (p *program) plansTable(plans []store.Plan) error {
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tQUOTA\tVERSIONS\tTRASH\tUSERS")
	for _, one := range plans {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\n", visible(one.Name), sizeOrNone(one.Quota), keptText(one.Versions, "default"),
			keptText(one.Trash, "default"), one.Users)
	}
	return table.Flush()
}

func keptText(d time.Duration, none string) string {
	if d == 0 {
		return none
	}
	return periodText(d)
}

func (p *program) planRemove() *cobra.Command {
	var dry bool
	command := &cobra.Command{
		Use:     "remove NAME",
		Short:   "Remove a plan that no account has",
		Example: "  sluiced plan remove small",
		Args:    exactly("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := p.flags.load()
			if err != nil {
				return err
			}
			if dry {
				return p.say("would remove plan %s", visible(args[0]))
			}
			if err := p.withStore(s.data, func(st *store.Store) error { return st.PlanRemove(args[0]) }); err != nil {
				return fmt.Errorf("remove plan: %w", err)
			}
			return p.say("removed plan %s", visible(args[0]))
		},
	}
	command.Flags().BoolVarP(&dry, "dry-run", "n", false, "only say what would be done")
	return command
}
