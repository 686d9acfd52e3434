package mirror

import (
	"context"
	"time"

	"sluice/internal/reconcile"
)

// Planned is one thing that would be done.
type Planned struct {
	Do   string
	Path string
	To   string // of a move or conflict: the new name
	Size int64  // bytes of the content, if one would be moved
	Why  string
}

// Diff says what a run would do, and does nothing of it. Files whose content has to be known are read.
func (m *Mirror) Diff(ctx context.Context) ([]Planned, []Problem, error) {
	m.begin()
	if err := m.find(ctx); err != nil {
		return nil, nil, err
	}
	r, err := m.look(ctx)
	if err != nil {
		return nil, nil, err
	}
	var list []Planned
	for i := range r.steps {
		s := &r.steps[i]
		if s.Do == reconcile.Agree || s.Do == reconcile.Forget || s.Do == reconcile.Read {
			continue
		}
		list = append(list, planned(s))
	}
	return list, m.result.Problems, nil
}

func planned(s *reconcile.Step) Planned {
	p := Planned{Do: word(s.Do), Why: s.Why}
	switch s.Do {
	case reconcile.UpMkdir, reconcile.UpPut, reconcile.UpSet:
		p.Path, p.Size = s.Local.Path(), s.Local.Size
	case reconcile.UpMove:
		p.Path, p.To = s.Remote.Path(), s.Local.Path()
	case reconcile.DownMove:
		p.Path, p.To = s.Local.Path(), s.Remote.Path()
	case reconcile.Aside, reconcile.DownMoveAside:
		p.Path, p.To = s.Local.Path(), s.Name
	case reconcile.DownDelete:
		p.Path = s.Local.Path()
	default:
		p.Path, p.Size = s.Remote.Path(), s.Remote.Size
	}
	return p
}

// pause is how long something that failed n times waits before it is tried again.
func pause(n int) time.Duration {
	d := 5 * time.Second
	for ; n > 1 && d < time.Hour; n-- {
		d *= 2
	}
	return min(d, time.Hour)
}
