package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sluice/internal/cli"
)

// globalFlags are understood by all commands.
type globalFlags struct {
	quiet       bool
	verbose     bool
	json        bool
	progress    string
	connections int
	timeout     time.Duration
	limitRate   string
	yes         bool
	plain       bool
}

func (p *program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "sluice",
		Short: "Keep folders and files on a Sluice server",
		Example: `  sluice login sluice+plain://127.0.0.1 --user ann     once; the server is called home from then on
  sluice sync ~/docs home:docs --watch                 keep both the same
  sluice push ~/docs home:docs                         send what has changed
  sluice pull home:docs ~/docs                         fetch what has changed
  sluice ls -l home:docs
  sluice put report.pdf home:docs/
  tar c photos | sluice put - home:photos.tar`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          unknownCommand,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			if err := p.fromEnvironment(c.Flags()); err != nil {
				return err
			}
			return p.flags.check()
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f := root.PersistentFlags()
	f.SortFlags = false
	f.BoolVarP(&p.flags.quiet, "quiet", "q", false, "say nothing but errors")
	f.BoolVarP(&p.flags.verbose, "verbose", "v", false, "name every file that is sent, fetched or deleted")
	f.BoolVar(&p.flags.json, "json", false, "one JSON object for a question, one a line for events")
	f.StringVar(&p.flags.progress, "progress", "auto", "`HOW` to show progress on standard error: auto, bar, json or none")
	f.IntVar(&p.flags.connections, "connections", 0, "at most `N` connections to the server (default 4)")
	f.DurationVar(&p.flags.timeout, "timeout", 0, "give up when nothing moves for this `TIME` (default 1m0s)")
	f.StringVar(&p.flags.limitRate, "limit-rate", "", "at most `RATE` bytes a second: 10M, or a timetable \"08:00,1M 18:00,off\"")
	f.BoolVarP(&p.flags.yes, "yes", "y", false, "what is asked is meant, mass deletes too")
	f.BoolVar(&p.flags.plain, "plain", false, "allow unencrypted connections to other machines")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return cli.UsageError(err.Error()) })
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpTemplate(helpTemplate)
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddGroup(
		&cobra.Group{ID: "account", Title: "Account:"},
		&cobra.Group{ID: "folders", Title: "Folders:"},
		&cobra.Group{ID: "files", Title: "Files:"},
		&cobra.Group{ID: "history", Title: "History:"},
		&cobra.Group{ID: "program", Title: "Program:"},
	)
	for _, g := range []struct {
		id   string
		list []*cobra.Command
	}{
		{"account", []*cobra.Command{p.loginCommand(), p.logoutCommand(), p.whoamiCommand()}},
		{"folders", []*cobra.Command{p.syncCommand(), p.statusCommand(), p.diffCommand(), p.explainCommand(), p.conflictsCommand(), p.ignoreCommand(),
			p.waitCommand(), p.pushCommand(), p.pullCommand(), p.transfersCommand()}},
		{"files", []*cobra.Command{p.lsCommand(), p.statCommand(), p.catCommand(), p.getCommand(), p.putCommand(), p.mkdirCommand(),
			p.mvCommand(), p.cpCommand(), p.rmCommand()}},
		{"history", []*cobra.Command{p.versionsCommand(), p.logCommand(), p.restoreCommand(), p.trashCommand()}},
		{"program", []*cobra.Command{p.benchCommand(), p.versionCommand(), p.completionCommand()}},
	} {
		for _, c := range g.list {
			c.GroupID = g.id
			root.AddCommand(c)
		}
	}
	root.AddCommand(p.manCommand())
	root.SetHelpCommandGroupID("program")
	return root
}

func (f *globalFlags) check() error {
	switch f.progress {
	case "auto", "bar", "json", "none":
	default:
		return usagef("--progress %s: it is auto, bar, json or none", f.progress)
	}
	if f.connections < 0 || f.connections > 64 {
		return usagef("--connections %d: it is 1 to 64", f.connections)
	}
	if f.timeout < 0 {
		return usagef("--timeout %s: it cannot be negative", f.timeout)
	}
	_, err := parseTimetable(f.limitRate)
	return err
}

// dryRun adds -n to a command.
func dryRun(f *pflag.FlagSet, to *bool) {
	f.BoolVarP(to, "dry-run", "n", false, "say what would be done, and do nothing")
}

// unknownCommand says what was probably meant.
func unknownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range root.Commands() {
		names = append(names, c.Name())
	}
	if near := cli.Nearest(args[0], names); near != "" {
		return usagef("there is no command %s: did you mean %s?", visible(args[0]), near)
	}
	return usagef("there is no command %s", visible(args[0]))
}

// Help begins with examples, because that is what one looks for.
const helpTemplate = `{{.Short}}.

{{.UsageString}}`

const usageTemplate = `{{if .HasExample}}Examples:
{{.Example}}

{{end}}Usage:{{if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMAND{{else}}
  {{.UseLine}}{{end}}
{{with .Long}}
{{. | trimTrailingWhitespaces}}
{{end}}{{if .HasAvailableSubCommands}}{{$cmds := .Commands}}{{range $group := .Groups}}
{{.Title}}{{range $cmds}}{{if (and (eq .GroupID $group.ID) .IsAvailableCommand)}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}
{{end}}{{end}}{{if .HasAvailableLocalFlags}}
Flags{{if .HasAvailableSubCommands}} of all commands (each also as SLUICE_NAME in the environment){{end}}:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}{{if .HasAvailableInheritedFlags}}
Flags of all commands (each flag also as SLUICE_NAME in the environment):
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}{{if .HasAvailableSubCommands}}
"{{.CommandPath}} COMMAND --help" tells more, examples first.
{{end}}`
