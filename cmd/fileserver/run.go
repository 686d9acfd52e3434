package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// program is one call of sluiced.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	args           []string
	flags          *flags
	began          bool // a command's own code was reached: errors are no longer about usage
	child          bool // started by a server, which reports what goes wrong
}

// Run is sluiced: it carries out args and returns the exit code. The end of ctx stops a
// server as SIGTERM does.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr, args: args, flags: newFlags()}
	root := p.command()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return codeDone
	}
	code := codeOf(err)
	if !p.began {
		code = codeUsage
	}
	if p.child {
		fmt.Fprintln(stderr, err)
		return code
	}
	fmt.Fprintf(stderr, "%ssluiced: %v\n", journalPrefix(stderr, priorityError), err)
	if code == codeUsage && !p.began {
		fmt.Fprintf(stderr, "See `%s --help`.\n", command.CommandPath())
	}
	return code
}

// command builds the tree of commands.
func (p *program) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "sluiced",
		Short: "Sluice's file server",
		Long: `Sluiced is a file server for Linux: a parent process hands each connection to one of its
workers, and everything is kept in one data folder. Without a command it serves.`,
		Example: `  sluiced user add ann                     the first account; makes the data folder
  sluiced                                  serve on this machine's own addresses, port 7440
  sluiced serve --data /srv/sluice --listen 127.0.0.1:7440 --workers 4
  sluiced status                           what the running server does`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRun: func(*cobra.Command, []string) {
			p.began = true
		},
		RunE: p.serve,
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpTemplate(helpTemplate)
	p.flags.addCommon(root.PersistentFlags())
	p.flags.addServe(root.Flags())
	root.AddCommand(p.serveCommand(), p.initCommand(), p.userCommand(), p.planCommand(), p.statusCommand(), p.metricsCommand(), p.configCommand(),
		p.gcCommand(), p.duCommand(),
		p.fsckCommand(), p.scrubCommand(), p.backupCommand(), p.restoreCommand(), p.exportCommand(), p.importCommand(),
		p.reloadCommand(), p.upgradeCommand(), p.drainCommand(), p.versionCommand(), p.manCommand(), p.workerCommand(), p.startUpCommand())
	return root
}

// Help begins with examples: most people look for the line to copy.
const helpTemplate = `{{if .HasExample}}Examples:
{{.Example}}

{{end}}{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}{{.UsageString}}`

const usageTemplate = `Usage:{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMAND{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if (or .IsAvailableCommand (eq .Name "help"))}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of every command:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}

Every flag that is a setting can stand in the configuration file (` + "`sluiced config print`" + ` shows it) and
in the environment: --log-level is SLUICED_LOG_LEVEL.
`
