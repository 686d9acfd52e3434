package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sluice/internal/cli"
	"sluice/internal/client"
)

// program is one run of the client. Tests make one with their own streams and environment.
type program struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	lookup func(string) (string, bool) // of the environment

	args    []string // the command line, without the program's name
	flags   globalFlags
	ctx     context.Context
	cancel  context.CancelFunc
	stop    chan struct{} // closed by the first interrupt
	gentle  atomic.Bool   // the command under way ends by itself when stop is closed
	started bool          // arguments were understood: an error is no longer one of usage
}

func newProgram(stdin io.Reader, stdout, stderr io.Writer, lookup func(string) (string, bool)) *program {
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr, lookup: lookup, stop: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// usagef makes the error of a mistake in the arguments.
func usagef(format string, args ...any) error { return cli.Usagef(format, args...) }

// run carries out one command line and gives the exit code.
func (p *program) run(args []string) int {
	defer p.cancel()
	defer p.interrupts()()
	p.args = args
	root := p.rootCommand()
	root.SetArgs(args)
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	err := root.ExecuteContext(p.ctx)
	code := p.exitCode(err)
	if err != nil {
		p.tell(err, code)
	}
	return code
}

// exitCode is the exit code for err.
func (p *program) exitCode(err error) int {
	if err == nil {
		return client.ExitDone
	}
	var own interface{ ExitCode() int }
	if !p.started && !errors.As(err, &own) {
		return client.ExitUsage
	}
	if p.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return client.ExitInterrupted
	}
	return client.ExitCode(err)
}

// interrupts makes the first SIGINT or SIGTERM end the run cleanly and the second end it now. The function it returns
// gives the signals back.
func (p *program) interrupts() func() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
		case <-done:
			return
		}
		close(p.stop)
		if !p.gentle.Load() {
			p.cancel()
		} else if onTerminal(p.stderr) {
			fmt.Fprintln(p.stderr, "\rsluice: stopping; interrupt once more to stop at once")
		}
		select {
		case <-signals:
			os.Exit(client.ExitInterrupted)
		case <-done:
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}

// onTerminal says whether a stream is a terminal.
func onTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) // lint:allow a standard stream is used blocking anyway
}

// say prints a line for people: nothing with --quiet or --json.
func (p *program) say(format string, args ...any) {
	if !p.flags.quiet && !p.flags.json {
		fmt.Fprintf(p.stdout, format+"\n", args...)
	}
}

// arguments checks the number of arguments and shows the right form if it is wrong.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if check(c, args) == nil {
			return nil
		}
		return usagef("write: %s", c.UseLine())
	}
}

// command makes a command whose run counts as started once its arguments are understood.
func (p *program) command(c *cobra.Command, run func(ctx context.Context, args []string) error) *cobra.Command {
	c.RunE = func(_ *cobra.Command, args []string) error {
		p.started = true
		return run(p.ctx, args)
	}
	return c
}
