package parent

import (
	"os"
	"time"

	"sluice/internal/control"
	"sluice/internal/stats"
)

// view is what status shows of the loop's state: a picture of it that is never changed,
// for the goroutines that answer.
type view struct {
	version    string
	phase      phase
	generation uint64
	listen     []string
	metrics    []string
	data       string
	plain      bool
	places     []place
	successor  int
	before     []beforeView
}

type place struct {
	slot       int
	generation uint64
}

type beforeView struct {
	pid   int
	slots []int
}

// draw makes a new picture.
func (s *server) draw() {
	s.stale = false
	v := &view{
		version: s.config.Version, phase: s.phase, generation: s.generation,
		listen: texts(s.listeners, tagMain), metrics: texts(s.listeners, tagMetrics),
		data: s.config.Data, plain: s.config.PlainAllowed,
	}
	for _, w := range s.workers {
		v.places = append(v.places, place{w.slot, w.generation})
	}
	if s.upgrade != nil {
		v.successor = s.upgrade.pid
	}
	for _, b := range s.before {
		v.before = append(v.before, beforeView{b.pid, b.slots})
	}
	s.view.Store(v)
}

// status is called from goroutines of the control socket.
func (s *server) status() *control.Status {
	v := s.view.Load()
	p := s.page.Parent()
	st := &control.Status{
		Version:     v.version,
		Pid:         os.Getpid(),
		State:       v.phase.String(),
		Started:     s.started.UTC().Format(time.RFC3339),
		UptimeMs:    time.Since(s.started).Milliseconds(),
		Generation:  v.generation,
		Listen:      v.listen,
		Metrics:     v.metrics,
		Data:        v.data,
		Plain:       v.plain,
		Successor:   v.successor,
		Accepted:    p.Accepted.Load(),
		Refused:     p.Refused.Load(),
		HandoffFull: p.HandoffFull.Load(),
		Deaths:      p.Deaths.Load(),
		BackoffMs:   p.BackoffMs.Load(),
		Connections: p.Connections.Load(),
		Unknown:     p.Unknown.Load(),
		Changes:     s.page.Changes().Load(),
	}
	for _, at := range v.places {
		st.Workers = append(st.Workers, control.WorkerStatus{
			Slot: at.slot, Parent: st.Pid, Generation: at.generation, Snapshot: s.page.Slot(at.slot).Snapshot(),
		})
	}
	for _, b := range v.before {
		st.Predecessors = append(st.Predecessors, b.pid)
		for _, slot := range b.slots {
			shot := s.page.Slot(slot).Snapshot()
			if shot.Pid == 0 || shot.State == stats.Ended.String() {
				continue
			}
			st.Connections += shot.Connections
			st.Workers = append(st.Workers, control.WorkerStatus{Slot: slot, Parent: b.pid, Snapshot: shot})
		}
	}
	return st
}
