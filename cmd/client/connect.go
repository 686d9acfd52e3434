package main

import (
	"context"
	"fmt"
	"time"

	"sluice/internal/client"
)

// server is an open connection to a remote.
type server struct {
	*client.Remote
	name string
	at   remote
	stop func() // ends the timetable
}

func (s *server) close() {
	s.stop()
	s.Remote.Close()
}

// connect reaches the remote by its name. The caller closes it.
func (p *program) connect(ctx context.Context, name string) (*server, error) {
	all, err := p.loadRemotes()
	if err != nil {
		return nil, err
	}
	at, err := all.find(name)
	if err != nil {
		return nil, err
	}
	r, err := p.dial(ctx, at.Address, at.Token)
	if err != nil {
		return nil, fmt.Errorf("reach %s (%s): %w", visible(name), visible(at.Address), err)
	}
	hello := r.Hello()
	if at.Server != "" && hello.Server != at.Server {
		r.Close()
		return nil, &client.UsageError{Text: fmt.Sprintf("another server answers at %s than the one you logged in to: if it was "+
			"set up anew, log in again with `sluice login %s --name %s`", visible(at.Address), visible(at.Address), visible(name))}
	}
	return &server{Remote: r, name: name, at: at, stop: p.followTimetable(r)}, nil
}

// reach reads a remote path and connects to its server, which the caller closes.
func (p *program) reach(ctx context.Context, arg string) (*server, remotePath, error) {
	path, err := parseRemotePath(arg)
	if err != nil {
		return nil, path, err
	}
	s, err := p.connect(ctx, path.remote)
	return s, path, err
}

// reachAt reaches a remote path, finds what stands there, or stood there at a time, and tells that time (0: now). The caller
// closes the server if there is no error.
func (p *program) reachAt(ctx context.Context, arg, at string) (s *server, path remotePath, l *place, then int64, err error) {
	if then, err = when(at, time.Now()); err != nil {
		return nil, path, nil, 0, err
	}
	if s, path, err = p.reach(ctx, arg); err != nil {
		return nil, path, nil, 0, err
	}
	if l, err = s.mustAt(ctx, path, then); err != nil {
		s.close()
		return nil, path, nil, 0, err
	}
	return s, path, l, then, nil
}

// dial connects with the flags of this run.
func (p *program) dial(ctx context.Context, address, token string) (*client.Remote, error) {
	table, err := parseTimetable(p.flags.limitRate)
	if err != nil {
		return nil, err
	}
	return client.Dial(ctx, client.Options{
		Address:     address,
		Token:       token,
		Agent:       "sluice " + versionText(),
		Plain:       p.flags.plain,
		Connections: p.flags.connections,
		Timeout:     p.flags.timeout,
		LimitRate:   table.at(time.Now()),
	})
}

// followTimetable changes the rate limit when the timetable says so.
func (p *program) followTimetable(r *client.Remote) (stop func()) {
	table, err := parseTimetable(p.flags.limitRate)
	if err != nil || len(table) < 2 {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(10 * time.Second)
		defer tick.Stop()
		last := table.at(time.Now())
		for {
			select {
			case now := <-tick.C:
				if rate := table.at(now); rate != last {
					r.SetLimitRate(rate)
					last = rate
				}
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}
