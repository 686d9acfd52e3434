package parent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/control"
	"sluice/internal/stats"
)

// Run is the whole life of a server. It returns nil after a drain (the end of ctx),
// ErrKilled after Config.Kill, and an error that says what to do where it could not
// start. No process it has started is left when it returns.
func Run(ctx context.Context, config Config) error {
	if err := config.complete(); err != nil {
		return err
	}
	// A log reader that has gone must not end the server.
	signal.Ignore(unix.SIGPIPE)
	descriptors, err := raiseDescriptors()
	if err != nil {
		return err
	}
	lock, err := takeFolder(config.Data, config.times.lock)
	if err != nil {
		return err
	}
	defer lock.Close()
	page, err := stats.Create(filepath.Join(config.Data, PageName))
	if err != nil {
		return err
	}
	defer page.Close()
	listeners, open, err := bind(ctx, &config)
	if err != nil {
		return err
	}
	metrics, err := bindMetrics(ctx, &config)
	if err != nil {
		closeAll(listeners)
		return err
	}
	s := &server{
		config: config, log: config.Log, lock: lock, page: page, listeners: append(listeners, metrics...),
		// Half of a worker's descriptors: the rest is for pipes, files and the database.
		room: int(min(descriptors/2, 1<<30)), table: newTable(), waiting: -1, started: time.Now(),
	}
	for _, l := range listeners {
		s.listen = append(s.listen, l.String())
	}
	for _, l := range metrics {
		s.metrics = append(s.metrics, l.String())
	}
	page.Parent().Started.Store(s.started.UnixNano())
	s.state.Store(uint64(stats.Starting))
	defer s.release()
	if open {
		s.log.Warn("plain TCP beyond loopback: passwords and files can be read on the way")
	}
	return s.run(ctx)
}

// run starts what the server consists of, in order, and turns until all is over.
func (s *server) run(ctx context.Context) error {
	var err error
	if s.wake, err = newWake(); err != nil {
		return err
	}
	defer s.wake.close()
	answers, err := control.Serve(filepath.Join(s.config.Data, ControlName), s.answer)
	if err != nil {
		return err
	}
	defer func() {
		if err := answers.Close(); err != nil {
			s.log.WithError(err).Warn("cannot remove the control socket")
		}
	}()
	if err := s.startUp(ctx); err != nil {
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}
	over := make(chan struct{})
	defer close(over)
	go s.watchStops(ctx, over)
	for slot := range s.config.Workers {
		w := &worker{slot: slot, stats: s.page.Slot(slot)}
		s.workers = append(s.workers, w)
		s.startWorker(w)
	}
	return s.turns()
}

// watchStops posts the two ways to stop.
func (s *server) watchStops(ctx context.Context, over <-chan struct{}) {
	drain := ctx.Done()
	for {
		select {
		case <-drain:
			s.wake.post(s.drain)
			drain = nil
		case <-s.config.Kill:
			s.wake.post(s.kill)
			return
		case <-over:
			return
		}
	}
}

// announce says in one line where the server can be reached.
func (s *server) announce() {
	urls := make([]string, len(s.listen))
	for i, a := range s.listen {
		urls[i] = "sluice+plain://" + a
	}
	s.log.WithField("workers", len(s.workers)).WithField("pid", os.Getpid()).
		Info(fmt.Sprintf("ready, listening on %s", strings.Join(urls, " and ")))
}
