package worker

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"sluice/internal/conn"
	"sluice/internal/handler"
	"sluice/internal/handoff"
	"sluice/internal/poll"
	"sluice/internal/splice"
	"sluice/internal/stats"
	"sluice/internal/store"
	"sluice/internal/web"
)

// Run is a worker's life: it serves what comes over the hand-off until it is drained. An error means that it could not
// begin, or that its loop broke.
func Run(cfg Config, log *logrus.Logger) error {
	unix.CloseOnExec(handoffFD)
	unix.CloseOnExec(lockFD)
	// The terminal's interrupt is for the parent, which drains us; a dead reader of our log must not end us.
	signal.Ignore(syscall.SIGPIPE, syscall.SIGINT, syscall.SIGHUP)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent) // GOMEMLIMIT, which the parent sets, stays the bound
	}
	return serve(cfg, log, handoff.New(handoffFD))
}

// serve takes ownership of the channel.
func serve(cfg Config, log *logrus.Logger, channel *handoff.Channel) error {
	defer channel.Close()
	page, err := stats.Open(filepath.Join(cfg.Data, "page"))
	if err != nil {
		return err
	}
	changes, slot := page.Changes(), page.Slot(cfg.Slot)
	st, err := store.Open(store.Config{
		Data: cfg.Data, Slot: cfg.Slot, Policy: cfg.Policy, Changes: changes.Load, Requests: page.Requests,
		OnCommit: func() { changes.Add(1); slot.Commits.Add(1) },
		Log:      logOf(log, cfg.Slot),
	})
	if err != nil {
		page.Close()
		return fmt.Errorf("open the store: %w", err)
	}
	// After the store has taken what there is as its bound for hashing.
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + spareProcessors)
	slot.Begin(st.Life())
	loop, err := poll.New()
	if err != nil {
		st.Close()
		page.Close()
		return err
	}
	w := &worker{
		cfg: cfg, log: log, channel: channel, loop: loop, slot: slot,
		jobs: newJobs(maxJobs), pipes: splice.NewPool(cfg.PipeBytes, pipeSize),
	}
	w.set = conn.NewSet(conn.Config{
		Loop:    loop,
		Service: handler.New(st, handler.Options{Agent: cfg.Agent, Changes: changes.Load}),
		Jobs:    w.jobs.run, Pipes: w.pipes, Changes: changes.Load, Log: log, Slot: slot, Worker: cfg.Slot,
		Known: w.known, Gone: w.gone,
		Limits: conn.Limits{Idle: cfg.IdleTimeout, Header: cfg.HeaderTimeout, LeastRate: cfg.LeastRate},
	})
	w.web = web.New(web.Config{
		Page: page, Slot: slot, Store: st, LeastSpace: cfg.LeastSpace, Log: logOf(log, cfg.Slot),
		Version: strings.TrimPrefix(cfg.Agent, "sluiced/"),
		Gone:    func(connection uint64) { loop.Post(func() { w.gone(connection) }) },
	})
	ctx, cancel := context.WithCancel(context.Background())
	kept, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(kept)
		st.Keeper(ctx)
	}()
	go func() {
		defer close(watched)
		w.watch(ctx, st, page.Disk())
	}()
	stop := w.onTerminate()
	err = w.turn()
	stop()
	cancel()
	w.end(kept, watched, func() {
		if closing := st.Close(); closing != nil {
			log.WithError(closing).WithField("worker", cfg.Slot).Warn("close the store")
		}
		loop.Close()
		w.pipes.Close()
		page.Close()
	})
	return err
}

// onTerminate makes SIGTERM a drain, for who runs a worker by hand or stops all processes of a service at once.
func (w *worker) onTerminate() (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			w.loop.Post(func() { w.drain(w.cfg.DrainLimit) })
		case <-done:
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}

// logOf gives the store a way to the log.
func logOf(log *logrus.Logger, slot int) func(level, msg string, err error) {
	return func(level, msg string, err error) {
		l, bad := logrus.ParseLevel(level)
		if bad != nil {
			l = logrus.ErrorLevel
		}
		e := log.WithField("worker", slot)
		if err != nil {
			e = e.WithError(err)
		}
		e.Log(l, msg)
	}
}
