package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/control"
	"sluice/internal/parent"
)

// longAnswer bounds the wait for a reload or an upgrade. Neither ends because nobody waits.
const longAnswer = 5 * time.Minute

func (p *program) reloadCommand() *cobra.Command {
	dry := false
	command := &cobra.Command{
		Use:   "reload",
		Short: "Have the running server read its configuration again",
		Long: `Have the running server read its configuration again, as SIGHUP does. What is wrong in it is said here,
and the configuration before goes on. Else the workers are replaced one by one: connections move to new
workers between two requests, and a request that runs is finished by the old one, which has the time of
the setting reload-drain-limit. The command ends when all new workers serve. The data folder cannot change.`,
		Example: "  sluiced config check && sluiced reload",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if dry {
				return p.checkConfig()
			}
			return p.tellServer(control.CommandReload, longAnswer)
		},
	}
	command.Flags().BoolVarP(&dry, "dry-run", "n", false, "only check the configuration")
	return command
}

func (p *program) upgradeCommand() *cobra.Command {
	dry := false
	command := &cobra.Command{
		Use:   "upgrade",
		Short: "Have the running server hand over to the program as it is on disk now",
		Long: `Have the running server hand over to the program that lies where it was started from, as SIGUSR2 does:
install the new version there first. The new server takes over listeners and data folder when all its
workers are ready; requests that run are finished by the old one, within the setting reload-drain-limit.
If the new one does not come up, the old one goes on and the reason is said here. A version that would
change the database is refused: restart the server instead.`,
		Example: "  install -m 0755 sluiced /usr/bin/sluiced && sluiced upgrade",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if dry {
				return p.say("would have the running server hand over to the program on disk")
			}
			return p.tellServer(control.CommandUpgrade, longAnswer)
		},
	}
	command.Flags().BoolVarP(&dry, "dry-run", "n", false, "only say what would be done")
	return command
}

func (p *program) drainCommand() *cobra.Command {
	wait, dry := false, false
	command := &cobra.Command{
		Use:   "drain",
		Short: "Stop the running server when its requests are done",
		Long: `Stop the running server as SIGTERM does: it accepts nothing more, finishes what is in flight within
the setting drain-limit, and ends.`,
		Example: "  sluiced drain --wait",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if dry {
				return p.say("would stop the running server")
			}
			if err := p.tellServer(control.CommandDrain, 0); err != nil || !wait {
				return err
			}
			return p.awaitEnd()
		},
	}
	command.Flags().BoolVar(&wait, "wait", false, "end when the server has")
	command.Flags().BoolVarP(&dry, "dry-run", "n", false, "only say what would be done")
	return command
}

// tellServer gives the running server a command and prints what it has done.
func (p *program) tellServer(command string, limit time.Duration) error {
	answer, err := p.askServer(command, limit)
	if err != nil {
		return err
	}
	return p.say("%s", visible(answer.Text))
}

// askServer asks the server that runs on the data folder; limit 0: the usual. Where the
// folder is said and no file, a usual file that is wrong just now does not matter.
func (p *program) askServer(command string, limit time.Duration) (answer control.Response, err error) {
	data, said := p.flags.given["data"]
	if !said {
		data, said = os.LookupEnv(variable("data"))
	}
	if !said || p.flags.config != "" {
		s, err := p.flags.load()
		if err != nil {
			return answer, err
		}
		data = s.data
	}
	path, request := filepath.Join(data, parent.ControlName), control.Request{Command: command}
	if limit > 0 {
		answer, err = control.AskWithin(path, request, limit)
	} else {
		answer, err = control.Ask(path, request)
	}
	if errors.Is(err, control.ErrNotRunning) {
		err = fmt.Errorf("%w: %s (start one with `sluiced serve`, or name its folder with --data)", err, data)
	}
	return answer, err
}

// awaitEnd waits until no server answers any more.
func (p *program) awaitEnd() error {
	for {
		_, err := p.askServer(control.CommandStatus, 0)
		if errors.Is(err, control.ErrNotRunning) {
			return p.say("the server has ended")
		}
		time.Sleep(100 * time.Millisecond)
	}
}
