package main

import (
	"context"
	"sync"

	"sluice/internal/live"
)

// link is the way to one remote for all the folders that are synced with it: one connection pool, and one request that
// waits for news.
type link struct {
	p    *program
	name string
	news live.News

	mu      sync.Mutex
	server  *server       // nil: not reached yet
	reached chan struct{} // closed when it is
}

// link finds or begins the link to a remote.
func (s *syncing) link(name string) *link {
	if s.links == nil {
		s.links = make(map[string]*link)
	}
	if s.links[name] == nil {
		s.links[name] = &link{p: s.p, name: name, reached: make(chan struct{})}
	}
	return s.links[name]
}

// reach connects, if that was not done yet. From then on the pool reconnects by itself.
func (l *link) reach(ctx context.Context) (*server, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.server != nil {
		return l.server, nil
	}
	server, err := l.p.connect(ctx, l.name)
	if err != nil {
		return nil, err
	}
	l.server = server
	close(l.reached)
	return server, nil
}

func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.server != nil {
		l.server.close()
	}
}
