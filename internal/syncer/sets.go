package syncer

import (
	"context"
	"sync"

	"sluice/internal/client"
)

// sets gathers names of which only mode or mtime are to be set, from several goroutines.
type sets struct {
	p    *pusher
	mu   sync.Mutex
	todo []Step
}

func (s *sets) add(step Step) {
	s.mu.Lock()
	s.todo = append(s.todo, step)
	s.mu.Unlock()
}

// send commits what was gathered.
func (s *sets) send(ctx context.Context) error {
	changes := make([]client.Change, len(s.todo))
	for i, t := range s.todo {
		changes[i] = client.Change{Op: client.OpSet, Node: t.Dst.ID, Mode: modeOf(t.Src), Mtime: t.Src.Mtime, Expect: t.Dst.Version}
	}
	return commitEach(ctx, s.p.Server, changes, func(i int, done client.Changed) {
		t := s.todo[i]
		switch {
		case done.Code == client.OK && t.Src.IsFolder():
			s.p.folder(Set, t.Src)
		case done.Code == client.OK:
			s.p.file(Set, t.Src)
		case done.Code == client.Conflict || done.Code == client.NotFound:
			s.p.problem(Problem{Path: t.Src.Path(), Conflict: true, Reason: "it was changed on the server meanwhile: run the same command again"})
		default:
			s.p.problem(Problem{Path: t.Src.Path(), Reason: refused(done)})
		}
	})
}

// remove deletes names of the server; a folder goes with all below it as one.
func (p *pusher) remove(ctx context.Context, list []*Node) error {
	changes := make([]client.Change, len(list))
	for i, n := range list {
		changes[i] = client.Change{Op: client.OpDelete, Node: n.ID, Expect: n.Version, Recursive: n.IsFolder()}
	}
	return commitEach(ctx, p.Server, changes, func(i int, done client.Changed) {
		n := list[i]
		switch done.Code {
		case client.OK, client.NotFound: // gone is gone
			p.deleted(n)
		case client.Conflict:
			p.problem(Problem{Path: n.Path(), Conflict: true, Reason: "it was changed on the server meanwhile and was not deleted: run the same command again"})
		default:
			p.problem(Problem{Path: n.Path(), Reason: refused(done)})
		}
	})
}
