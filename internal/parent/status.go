package parent

import (
	"fmt"
	"os"
	"time"

	"sluice/internal/control"
	"sluice/internal/metrics"
)

// answer answers the control socket, from goroutines of its own: it reads the page and
// what never changes.
func (s *server) answer(r control.Request) control.Response {
	switch r.Command {
	case control.CommandStatus:
		return control.Response{Status: s.status()}
	case control.CommandMetrics:
		text, err := metrics.Text(s.page, s.config.Version)
		if err != nil {
			return control.Response{Error: err.Error()}
		}
		return control.Response{Metrics: text}
	}
	return control.Response{Error: fmt.Sprintf("unknown command %q: this server knows %q and %q", r.Command, control.CommandStatus, control.CommandMetrics)}
}

func (s *server) status() *control.Status {
	p := s.page.Parent()
	st := &control.Status{
		Version:     s.config.Version,
		Pid:         os.Getpid(),
		State:       s.serverState().String(),
		Started:     s.started.UTC().Format(time.RFC3339),
		UptimeMs:    time.Since(s.started).Milliseconds(),
		Listen:      s.listen,
		Metrics:     s.metrics,
		Data:        s.config.Data,
		Plain:       s.config.PlainAllowed,
		Accepted:    p.Accepted.Load(),
		Refused:     p.Refused.Load(),
		HandoffFull: p.HandoffFull.Load(),
		Deaths:      p.Deaths.Load(),
		BackoffMs:   p.BackoffMs.Load(),
		Connections: p.Connections.Load(),
		Unknown:     p.Unknown.Load(),
		Changes:     s.page.Changes().Load(),
	}
	for slot := range s.config.Workers {
		st.Workers = append(st.Workers, control.WorkerStatus{Slot: slot, Snapshot: s.page.Slot(slot).Snapshot()})
	}
	return st
}
