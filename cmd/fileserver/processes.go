package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"sluice/internal/cli"
	"sluice/internal/parent"
	"sluice/internal/store"
	"sluice/internal/worker"
)

// workerVariable carries a worker's configuration, as JSON.
const workerVariable = "SLUICED_WORKER"

// self is this very program, also when the file has been replaced by a newer one since
// the start: parent and workers must be of one build.
func self() string {
	const path = "/proc/self/exe"
	if _, err := os.Stat(path); err == nil {
		return path
	}
	path2, err := os.Executable()
	if err != nil {
		return "sluiced"
	}
	return path2
}

// workerProcess is the command of the worker in a slot; the parent adds its descriptors.
func (p *program) workerProcess(s *settings, slot int) *exec.Cmd {
	config := worker.Config{
		Data: s.data, Slot: slot, Workers: int(s.workers), Agent: "sluiced/" + versionText(), PipeBytes: parent.PipeBudget() / s.workers,
		LogLevel: s.logLevel, LogFormat: s.logFormat,
		IdleTimeout: s.idleTimeout, HeaderTimeout: s.headerTimeout, DrainLimit: s.drainLimit,
		LeastRate: s.leastRate, LeastSpace: s.leastSpace, Policy: s.policy,
	}
	text, err := json.Marshal(config)
	command := exec.Command(self(), "worker")
	command.Args[0] = "sluiced"
	command.Env = append(withoutSettings(os.Environ()), workerVariable+"="+string(text))
	command.Env = append(command.Env, workerResources(int(s.workers))...)
	command.Stderr = p.stderr
	if command.Err == nil && err != nil {
		command.Err = fmt.Errorf("BUG: write the worker's configuration: %w", err)
	}
	return command
}

// startUpProcess is the command of the start-up child; with more, of one that only looks.
func (p *program) startUpProcess(data string, more ...string) *exec.Cmd {
	command := exec.Command(self(), append([]string{"startup", "--data", data}, more...)...)
	command.Args[0] = "sluiced"
	command.Env = withoutSettings(os.Environ())
	return command
}

// withoutSettings leaves out what the parent has read already; a password given to `init`
// or `user` by the environment is none of a child's business, and neither is the service
// manager: a worker is where hostile bytes are parsed.
func withoutSettings(environment []string) []string {
	var kept []string
	for _, e := range environment {
		if !strings.HasPrefix(e, "SLUICED_") && !ofManager(e) && !strings.HasPrefix(e, "NOTIFY_SOCKET=") {
			kept = append(kept, e)
		}
	}
	return kept
}

func (p *program) workerCommand() *cobra.Command {
	return &cobra.Command{
		Use: "worker", Hidden: true, Args: cobra.NoArgs, Short: "One worker; started by serve",
		RunE: func(*cobra.Command, []string) error { return p.work() },
	}
}

func (p *program) work() error {
	text, ok := os.LookupEnv(workerVariable)
	if !ok {
		return cli.Usagef("a worker is started by `sluiced serve` only")
	}
	var config worker.Config
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		return fmt.Errorf("BUG: read %s: %w", workerVariable, err)
	}
	nameProcess()
	log, err := newLog(p.stderr, config.LogLevel, config.LogFormat)
	if err != nil {
		return err
	}
	return worker.Run(config, log)
}

// nameProcess gives a child its name back in ps and top: the kernel calls it after the
// last part of /proc/self/exe.
func nameProcess() {
	// Only a name: where it cannot be set, nothing is lost.
	_ = os.WriteFile("/proc/self/comm", []byte("sluiced"), 0)
}

func (p *program) startUpCommand() *cobra.Command {
	look := false
	command := &cobra.Command{
		Use: "startup", Hidden: true, Args: cobra.NoArgs, Short: "The start-up check; started by serve",
		RunE: func(*cobra.Command, []string) error {
			data, ok := p.flags.given["data"]
			if !ok {
				return cli.Usagef("the start-up check is started by `sluiced serve` only")
			}
			nameProcess()
			p.child = true
			if look {
				return store.Check(data)
			}
			return p.startUp(data)
		},
	}
	command.Flags().BoolVar(&look, "look", false, "only say whether this program can serve the data folder as it is")
	return command
}

// startUp makes the data folder fit for workers. Standard output is logged by the parent
// line by line.
func (p *program) startUp(data string) error {
	if err := store.StartUp(data, func(line string) { fmt.Fprintln(p.stdout, line) }); err != nil {
		return err
	}
	s, err := store.OpenCommand(store.Config{Data: data})
	if err != nil {
		return err
	}
	users, err := s.Users()
	if closed := s.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if len(users) == 0 {
		fmt.Fprintf(p.stdout, "nobody can log in yet; add the first account with: %s\n", userAddHint(data, "NAME"))
	}
	return nil
}

// userAddHint is the line to copy, with --data only where it is needed.
func userAddHint(data, name string) string {
	hint := "sluiced user add " + name
	if usual, err := dataFolder(); err != nil || usual != data {
		hint += " --data " + quoteShell(data)
	}
	return hint
}

// quoteShell quotes s for a shell where it needs that.
func quoteShell(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=:@,"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
