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

	"sluice/internal/cli"
	"sluice/internal/parent"
)

func (p *program) serveCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "serve",
		Short: "Serve, until SIGTERM or SIGINT",
		Long: `Serve the data folder until SIGTERM or SIGINT: once lets requests in flight finish, twice ends
at once. SIGHUP reads the configuration again, SIGUSR2 hands over to the program as it is on disk now. An
empty data folder is made ready first. Sockets passed by systemd take the place of the setting listen.`,
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
	inherited := os.Getenv(parent.UpgradeVariable)
	config, err := p.prepare(inherited)
	if err != nil {
		parent.Refuse(inherited, codeOf(err), err) // who upgrades is told
		return err
	}
	calls := signals(command.Context(), config.Log)
	defer calls.stop()
	config.Kill, config.Reloads, config.Upgrades = calls.kill, calls.reloads, calls.upgrades
	return parent.Run(calls.drain, config)
}

// prepare puts together all that a server is started with.
func (p *program) prepare(inherited string) (parent.Config, error) {
	s, err := p.flags.load()
	if err != nil {
		return parent.Config{}, err
	}
	log, err := newLog(p.stderr, s.logLevel, s.logFormat)
	if err != nil {
		return parent.Config{}, err
	}
	if err := checkFolder(s.data); err != nil {
		return parent.Config{}, err
	}
	config := p.serverConfig(s)
	if inherited == "" {
		if config.Sockets, err = passedSockets(); err != nil {
			return parent.Config{}, err
		}
	}
	if config.Watchdog, err = watchdog(); err != nil {
		return parent.Config{}, err
	}
	config.Notify = notify(log)
	config.Data, config.Version, config.Inherited = s.data, versionText(), inherited
	config.StartUp = func() *exec.Cmd { return p.startUpProcess(s.data) }
	config.Check = func() *exec.Cmd { return p.startUpProcess(s.data, "--look") }
	config.Reload = func() (parent.Config, error) { return p.readAgain(&s, log) }
	path := onDisk()
	config.Successor = func() *exec.Cmd { return p.successorProcess(path) }
	config.Code, config.Log = codeOf, log
	return config, nil
}

// serverConfig is what follows from the settings, all of which a reload can change.
func (p *program) serverConfig(s settings) parent.Config {
	if s.workers == 0 {
		s.workers = int64(min(runtime.GOMAXPROCS(0), parent.MaxWorkers))
	}
	return parent.Config{
		Listen: s.listen, Metrics: s.metrics, Workers: int(s.workers),
		Congestion: s.congestion, PlainAllowed: s.plain == "allow",
		MaxConnections: int(s.maxConnections), MaxUnknownPerAddress: int(s.maxUnknown),
		DrainLimit: s.drainLimit, RetireLimit: s.retireLimit,
		Command: func(slot int) *exec.Cmd { return p.workerProcess(&s, slot) },
	}
}

// readAgain reads the settings of a running server again; had are those it was started with.
func (p *program) readAgain(had *settings, log *logrus.Logger) (parent.Config, error) {
	s, err := p.flags.load()
	if err != nil {
		return parent.Config{}, err
	}
	if s.data != had.data {
		return parent.Config{}, cli.Usagef("the data folder is %s and cannot become %s while the server runs: restart it", had.data, s.data)
	}
	config := p.serverConfig(s)
	config.Adopted = func() {
		if err := setLog(log, p.stderr, s.logLevel, s.logFormat); err != nil {
			log.WithError(err).Error("BUG: a level that was checked")
		}
	}
	return config, nil
}

// calls is what signals ask of a server.
type calls struct {
	drain             context.Context // ends with the first SIGTERM or SIGINT
	kill              <-chan struct{} // closed by the second
	reloads, upgrades <-chan struct{} // SIGHUP and SIGUSR2; those that come at once are one
	stop              func()          // gives the signals back
}

func signals(ctx context.Context, log *logrus.Logger) *calls {
	drain, cancel := context.WithCancel(ctx)
	killed, over := make(chan struct{}), make(chan struct{})
	reloads, upgrades := make(chan struct{}, 1), make(chan struct{}, 1)
	arrived := make(chan os.Signal, 8)
	signal.Notify(arrived, unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGUSR2)
	go func() {
		for stops := 0; stops < 2; {
			var received os.Signal
			select {
			case received = <-arrived:
				log.Info(fmt.Sprintf("received %s", unix.SignalName(received.(unix.Signal))))
			case <-over:
				return
			}
			switch received {
			case unix.SIGHUP:
				once(reloads)
			case unix.SIGUSR2:
				once(upgrades)
			default:
				if stops++; stops == 1 {
					cancel()
				}
			}
		}
		close(killed)
	}()
	return &calls{drain: drain, kill: killed, reloads: reloads, upgrades: upgrades, stop: func() {
		signal.Stop(arrived)
		close(over)
		cancel()
	}}
}

// once sends if nothing waits there yet.
func once(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}
