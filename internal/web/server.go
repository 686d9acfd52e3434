package web

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/stats"
)

// Store is what /readyz asks: what is wrong, if a write were to succeed with at least so many bytes free? It may take its
// time.
type Store interface {
	Ready(least int64) []error
}

// Config is what a server is made of.
type Config struct {
	Page       *stats.Page
	Slot       *stats.Slot // this worker's
	Store      Store
	Version    string
	LeastSpace int64                                 // free bytes below which /readyz says no
	Gone       func(connection uint64)               // from any goroutine: the connection is closed
	Log        func(level, msg string, err error)    // debug, info, warn or error
	ready      struct{ wait, kept time.Duration }    // zero: the limits; tests shorten them
	limits     struct{ header, write time.Duration } // likewise
}

// Server serves the connections it is given until Close.
type Server struct {
	cfg       Config
	http      *http.Server
	queue     *queue
	readiness readiness
	stop      context.CancelFunc // ends Drain's wait
	stopped   context.Context

	mu      sync.Mutex
	count   int                 // connections taken and not gone
	open    map[*conn]time.Time // of these, those http has: since when each is idle; zero: it is not
	busy    int                 // connections and goroutines that may still touch page or store
	closing bool                // no more connections
	ended   bool                // Close was called: nothing new begins
	quiet   chan struct{}       // closed when ended and not busy
}

// New makes a server and its goroutine. The page must stay mapped until Close has returned true.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, queue: newQueue(), open: make(map[*conn]time.Time), quiet: make(chan struct{})}
	s.readiness.limits(&cfg)
	s.stopped, s.stop = context.WithCancel(context.Background())
	or := func(set, usual time.Duration) time.Duration {
		if set > 0 {
			return set
		}
		return usual
	}
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: or(cfg.limits.header, headerTime),
		ReadTimeout:       or(cfg.limits.header, readTime),
		WriteTimeout:      or(cfg.limits.write, writeTime),
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ConnState:         s.moved,
		ErrorLog:          log.New(errorLog{cfg.Log}, "", 0),
	}
	s.busy++
	go func() {
		defer s.leave()
		// It ends with the queue; http has nothing else to complain of.
		_ = s.http.Serve(&listener{s})
		for _, a := range s.queue.rest() {
			unix.Close(a.fd)
			s.gone(nil, a.connection)
		}
	}()
	return s
}

// Take takes ownership of fd, a non-blocking stream socket; connection is the parent's number for it. It does not block.
// Beyond the most there may be, the one that has been idle longest makes room; if all are at work the new one is closed.
func (s *Server) Take(fd int, connection uint64) {
	s.mu.Lock()
	var idle *conn
	refused := s.closing
	if !refused && s.count >= maxConnections {
		idle = s.idlest()
		refused = idle == nil
	}
	if !refused {
		s.busy++
		s.count++
		s.cfg.Slot.WebConnections.Store(int64(s.count))
		s.queue.put(arrival{fd, connection})
	}
	s.mu.Unlock()
	if idle != nil {
		idle.Close()
	}
	if refused {
		unix.Close(fd)
		s.cfg.Slot.WebRefused.Add(1)
		s.cfg.Gone(connection)
	}
}

// idlest forgets the connection that has been idle longest, so that the next call finds another; nil: none is. The lock
// is held.
func (s *Server) idlest() *conn {
	var found *conn
	for c, since := range s.open {
		if !since.IsZero() && (found == nil || since.Before(s.open[found])) {
			found = c
		}
	}
	delete(s.open, found)
	return found
}

// moved is told by http of each connection's life.
func (s *Server) moved(nc net.Conn, to http.ConnState) {
	c := nc.(*conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch to {
	case http.StateNew, http.StateActive:
		s.open[c] = time.Time{}
	case http.StateIdle:
		s.open[c] = time.Now()
	case http.StateClosed, http.StateHijacked:
		delete(s.open, c)
	}
}

// gone is the end of a connection, nil for one that was never served; its socket is closed.
func (s *Server) gone(c *conn, connection uint64) {
	s.mu.Lock()
	delete(s.open, c)
	s.count--
	s.cfg.Slot.WebConnections.Store(int64(s.count))
	s.mu.Unlock()
	s.cfg.Gone(connection)
	s.leave()
}

// Len is how many connections are open; a connection is counted until just before its Gone.
func (s *Server) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Drain lets requests in flight have their answers and closes idle connections. It does not block; the limits of a
// request end the wait for slow peers.
func (s *Server) Drain() {
	s.mu.Lock()
	again := s.closing
	s.closing = true
	if !again {
		s.busy++
	}
	s.mu.Unlock()
	if again {
		return
	}
	go func() {
		defer s.leave()
		// What it may report is the end of its context: Close goes on from there.
		_ = s.http.Shutdown(s.stopped)
	}()
}

// Kill closes all connections at once. It does not block.
func (s *Server) Kill() {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	// It reports what closing a socket may: nothing of use.
	_ = s.http.Close()
}

// Close kills, and waits within a limit until nothing touches page or store any more; false: something still does.
func (s *Server) Close(limit time.Duration) bool {
	s.stop()
	s.Kill()
	s.mu.Lock()
	if !s.ended {
		s.ended = true
		if s.busy == 0 {
			close(s.quiet)
		}
	}
	s.mu.Unlock()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-s.quiet:
		return true
	case <-timer.C:
		return false
	}
}

// enter begins something that touches page or store; false: it must not begin any more.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.busy++
	return true
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
	if s.busy == 0 && s.ended {
		close(s.quiet)
	}
}

// rescue ends a request that panicked; the connection is closed by http.
func (s *Server) rescue() {
	p := recover()
	if p == nil || p == http.ErrAbortHandler {
		return
	}
	s.cfg.Slot.Panics.Add(1)
	s.cfg.Log("error", fmt.Sprintf("BUG: panic: %v\n%s", p, debug.Stack()), nil)
	panic(http.ErrAbortHandler)
}

// errorLog takes what http logs: peers that do not speak it, mostly.
type errorLog struct {
	log func(level, msg string, err error)
}

func (l errorLog) Write(b []byte) (int, error) {
	l.log("debug", strings.TrimSpace(string(b)), nil)
	return len(b), nil
}
