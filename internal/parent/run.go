package parent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/control"
)

// Run is the whole life of a server. It returns nil after a drain (the end of ctx) and
// after another server has taken its place, ErrKilled after Config.Kill, and an error that
// says what to do where it could not start. No process it has started is left when it
// returns, but for a successor.
func Run(ctx context.Context, config Config) (err error) {
	if err := config.complete(); err != nil {
		return err
	}
	// A log reader that has gone must not end the server.
	signal.Ignore(unix.SIGPIPE)
	descriptors, err := raiseDescriptors()
	if err != nil {
		return err
	}
	take := newEstate
	if config.Inherited != "" {
		take = inherit
	}
	var s *server
	defer func() {
		if err != nil && config.Inherited != "" && (s == nil || s.heir != nil) {
			Refuse(config.Inherited, config.Code(err), err)
		}
		if s != nil {
			s.closeLinks()
		}
	}()
	e, err := take(&config)
	if err != nil {
		return err
	}
	defer e.lock.Close()
	defer e.page.Close()
	l, err := bind(ctx, &config, e.have)
	if err != nil {
		closeAll(e.have)
		return err
	}
	for _, h := range e.have {
		if !slices.Contains(l.all, h) {
			closeAll([]*listener{h})
		}
	}
	s = &server{
		config: config, log: config.Log, lock: e.lock, page: e.page, listeners: l.all,
		// Half of a worker's descriptors: the rest is for pipes, files and the database.
		room: int(min(descriptors/2, 1<<30)), table: newTable(), started: time.Now(),
		over: make(chan struct{}), code: config.Code, heir: e.heir, before: e.before, control: e.control,
	}
	defer s.release()
	s.listenBefore()
	s.draw()
	s.warnOpen(l.open)
	return s.run(ctx)
}

func (s *server) warnOpen(open bool) {
	if open {
		s.log.Warn("plain TCP beyond loopback: passwords and files can be read on the way")
	}
}

// run starts what the server consists of, in order, and turns until all is over.
func (s *server) run(ctx context.Context) (err error) {
	if s.wake, err = newWake(); err != nil {
		return err
	}
	defer s.wake.close()
	s.manager = newNotifier(s.config.Notify)
	defer s.manager.close()
	if s.heir == nil {
		path := filepath.Join(s.config.Data, ControlName)
		s.answers, err = control.Serve(path, s.answer)
		if errors.Is(err, unix.ENOSPC) && giveUpReserve(s.config.Data) {
			s.answers, err = control.Serve(path, s.answer)
		}
		if err != nil {
			return err
		}
	}
	defer s.closeControl()
	// Who waits for an answer from the loop waits no longer.
	defer close(s.over)
	if err := s.startUp(ctx); err != nil {
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}
	go s.watchRequests(ctx, s.config)
	for range s.config.Workers {
		w := s.place()
		if w == nil {
			return fmt.Errorf("%w: workers of servers that were replaced before have all places and are not done yet", ErrBusy)
		}
		s.startWorker(w)
	}
	return s.turns()
}

// closeControl gives up the control socket, if it is this server's.
func (s *server) closeControl() {
	if s.control >= 0 {
		unix.Close(s.control)
	}
	if s.answers == nil {
		return
	}
	if err := s.answers.Close(); err != nil {
		s.log.WithError(err).Warn("cannot remove the control socket")
	}
}

func (s *server) closeLinks() {
	for _, l := range s.links() {
		l.close()
	}
}

// watchRequests posts what comes by signal. It has a copy of the configuration: a reload
// changes the server's.
func (s *server) watchRequests(ctx context.Context, config Config) {
	drain := ctx.Done()
	for {
		select {
		case <-drain:
			s.wake.post(func() { s.drain(s.config.DrainLimit) })
			drain = nil
		case <-config.Kill:
			s.wake.post(s.kill)
			return
		case <-config.Reloads:
			s.wake.post(func() { s.reload(nil) })
		case <-config.Upgrades:
			s.wake.post(func() { s.beginUpgrade(nil) })
		case <-s.over:
			return
		}
	}
}

// announce says in one line where the server can be reached, and in the counters since when.
func (s *server) announce() {
	s.page.Parent().Started.Store(s.started.UnixNano())
	var urls []string
	for _, a := range texts(s.listeners, tagMain) {
		urls = append(urls, "sluice+plain://"+a)
	}
	s.log.WithField("workers", len(s.workers)).WithField("pid", os.Getpid()).
		Info(fmt.Sprintf("ready, listening on %s", strings.Join(urls, " and ")))
}
