package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"sluice/internal/parent"
)

func (p *program) serveCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "serve",
		Short: "Serve, until SIGTERM or SIGINT",
		Long: `Serve the data folder until SIGTERM or SIGINT: once lets requests in flight finish, twice ends
at once. An empty data folder is made ready first.`,
		Example: `  sluiced serve
  sluiced serve --data /srv/sluice --listen 127.0.0.1:7440 --listen [::1]:7440
  sluiced serve --workers 4 --log-level debug --congestion bbr`,
		Args: cobra.NoArgs,
		RunE: p.serve,
	}
	p.flags.addServe(command.Flags())
	return command
}

func (p *program) serve(command *cobra.Command, _ []string) error {
	s, err := p.flags.load()
	if err != nil {
		return err
	}
	log, err := newLog(p.stderr, s.logLevel, s.logFormat)
	if err != nil {
		return err
	}
	if err := checkFolder(s.data); err != nil {
		return err
	}
	if s.workers == 0 {
		s.workers = int64(min(runtime.GOMAXPROCS(0), 64))
	}
	ctx, kill, stop := signals(command.Context(), log)
	defer stop()
	return parent.Run(ctx, parent.Config{
		Listen: s.listen, Metrics: s.metrics, Data: s.data, Workers: int(s.workers), Version: versionText(),
		Congestion: s.congestion, PlainAllowed: s.plain == "allow",
		MaxConnections: int(s.maxConnections), MaxUnknownPerAddress: int(s.maxUnknown), DrainLimit: s.drainLimit,
		Command: func(slot int) *exec.Cmd { return p.workerProcess(&s, slot) },
		StartUp: func() *exec.Cmd { return p.startUpProcess(&s) },
		Kill:    kill, Log: log,
	})
}

// signals turns the first SIGTERM or SIGINT into the end of the context, which drains, and
// the second into the end of kill. stop gives the signals back.
func signals(ctx context.Context, log *logrus.Logger) (drain context.Context, kill <-chan struct{}, stop func()) {
	drain, cancel := context.WithCancel(ctx)
	killed := make(chan struct{})
	over := make(chan struct{})
	arrived := make(chan os.Signal, 2)
	signal.Notify(arrived, unix.SIGTERM, unix.SIGINT)
	go func() {
		for received := range 2 {
			select {
			case s := <-arrived:
				log.Info(fmt.Sprintf("received %s", unix.SignalName(s.(unix.Signal))))
			case <-over:
				return
			}
			if received == 0 {
				cancel()
			} else {
				close(killed)
			}
		}
	}()
	return drain, killed, func() {
		signal.Stop(arrived)
		close(over)
		cancel()
	}
}
