package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"sluice/internal/stats"
	"sluice/internal/store"
)

// readiness is the store's last word. However many ask, the store is asked by one at a time, and at most once a second.
type readiness struct {
	wait, kept time.Duration

	mu    sync.Mutex
	asked chan struct{} // closed when the store has answered; nil: it is not being asked
	at    time.Time     // of the last answer
	wrong []error
	bad   bool // the log was last told that all is not well
}

func (r *readiness) limits(cfg *Config) {
	r.wait, r.kept = readyTime, readyKept
	if cfg.ready.wait > 0 {
		r.wait = cfg.ready.wait
	}
	if cfg.ready.kept > 0 {
		r.kept = cfg.ready.kept
	}
}

var (
	errLate    = errors.New("the store does not answer")
	errLeaving = errors.New("this worker is leaving")
)

// ready answers /readyz: 200, or 503 with a line for each thing that is wrong.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	wrong := append(s.ask(), s.others()...)
	s.noteReady(wrong)
	if len(wrong) == 0 {
		say(w, http.StatusOK, "ready\n")
		return
	}
	say(w, http.StatusServiceUnavailable, "not ready\n"+words(wrong))
}

// ask asks the store, or takes its last word, or joins who is asking.
func (s *Server) ask() []error {
	r := &s.readiness
	r.mu.Lock()
	if !r.at.IsZero() && time.Since(r.at) < r.kept {
		defer r.mu.Unlock()
		return slices.Clone(r.wrong)
	}
	if r.asked == nil {
		if !s.enter() {
			r.mu.Unlock()
			return []error{errLeaving}
		}
		r.asked = make(chan struct{})
		go s.look()
	}
	asked := r.asked
	r.mu.Unlock()
	timer := time.NewTimer(r.wait)
	defer timer.Stop()
	select {
	case <-asked:
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.Clone(r.wrong)
	case <-timer.C:
		return []error{errLate}
	}
}

// look is the one that asks.
func (s *Server) look() {
	defer s.leave()
	wrong := s.cfg.Store.Ready(s.cfg.LeastSpace)
	r := &s.readiness
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at, r.wrong = time.Now(), wrong
	close(r.asked)
	r.asked = nil
}

// others looks for workers whose store has stopped writing: half of the requests fail then.
func (s *Server) others() (wrong []error) {
	for i := range stats.Slots {
		slot := s.cfg.Page.Slot(i)
		if stats.State(slot.State.Load()) == stats.Ready && slot.ReadOnly.Load() != 0 {
			wrong = append(wrong, fmt.Errorf("worker %d: %w", i, store.ErrReadOnly))
		}
	}
	return wrong
}

// noteReady logs the change from well to not well and back.
func (s *Server) noteReady(wrong []error) {
	r := &s.readiness
	r.mu.Lock()
	bad := len(wrong) > 0
	changed := r.bad != bad
	r.bad = bad
	r.mu.Unlock()
	switch {
	case !changed:
	case bad:
		s.cfg.Log("warn", "not ready", errors.Join(wrong...))
	default:
		s.cfg.Log("info", "ready again", nil)
	}
}

// words tells a peer what is wrong, a line each. The causes, which name files, are for the log.
func words(wrong []error) string {
	var lines []string
	for _, e := range wrong {
		line := "data: it cannot be read or written; the log tells more\n"
		switch {
		case errors.Is(e, store.ErrReadOnly):
			line = "store: writing has stopped after an I/O error; check the disk, then restart\n"
		case errors.Is(e, store.ErrSpace):
			line = "space: less is free than the setting least-space\n"
		case e == errLate:
			line = "database: no answer in time\n"
		case e == errLeaving:
			line = "worker: it is leaving\n"
		}
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}
