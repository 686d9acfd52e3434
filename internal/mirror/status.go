package mirror

import (
	"context"
	"time"

	"sluice/internal/client"
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
	r, err := m.peek(ctx)
	if err != nil {
		return nil, nil, err
	}
	var list []Planned
	for i := range r.steps {
		s := &r.steps[i]
		if !todo(*s) {
			continue
		}
		list = append(list, planned(s))
	}
	return list, m.result.Problems, nil
}

// peek looks at both sides and makes nothing on either: a folder that is not on the server yet is taken for an empty one.
func (m *Mirror) peek(ctx context.Context) (*round, error) {
	if !m.ready {
		if err := m.findHere(false); err != nil {
			return nil, err
		}
		switch err := m.findThere(ctx, false); {
		case client.CodeOf(err) == client.NotFound:
			local, err := m.scan(ctx, nil)
			if err != nil {
				return nil, err
			}
			r := m.compare(ctx, rooted(0), local, rooted(0))
			return r, r.plan()
		case err != nil:
			return nil, err
		}
	}
	return m.look(ctx)
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
