package torture

import (
	"context"
	"errors"
	"maps"

	"sluice/internal/client"
)

// askAgain finds out what became of a commit whose reply was lost: all of it must be there, or nothing, and what was there
// once must stay. Then the same request with the same key is answered as if nothing had happened.
//
// It looks at one snapshot, a listing of the whole folder. A commit without an answer may become visible later, and so between
// two looks, see TestLeftInLog: asking name by name would take the names asked before that for missing.
func (a *actor) askAgain(ctx context.Context) error {
	standing, err := a.standing(ctx)
	if err != nil {
		return err
	}
	after := a.outcome()
	done, undone := 0, 0
	for path, want := range after {
		e, there := standing[path]
		delete(standing, path)
		before := a.names[path]
		was, is := before.version > 0 && !before.gone, want.version == 0
		switch {
		case there == was && (!there || e.Node == before.node && e.Version == before.version && e.Hash == before.hash):
			if is {
				undone++
			}
		case is && there == !want.gone && (!there || e.Hash == want.hash && e.Size == want.size && e.Version > before.version):
			done++
		case !there:
			a.fault("actor %d: %q, acknowledged as version %d, is not there", a.id, path, before.version)
			return errWrong
		default:
			a.fault("actor %d: %q is neither what it was (%+v) nor what was asked for (%+v): %+v", a.id, path, before, want, e)
			return errWrong
		}
	}
	for path, e := range standing {
		a.fault("actor %d: %q stands (version %d), and was never asked for", a.id, path, e.Version)
	}
	if done > 0 && undone > 0 {
		a.fault("actor %d: of one commit %d changes are there and %d are not", a.id, done, undone)
	}
	if undone > 0 && a.shown {
		a.fault("actor %d: a commit without an answer was there, and is not any more", a.id)
	}
	a.shown = done > 0
	return a.ask(ctx)
}

// errWrong ends a step in which a fault was found.
var errWrong = errors.New("wrong")

// outcome is what would stand if what was asked were done, by path. What it would change has no version yet.
func (a *actor) outcome() map[string]ack {
	after := maps.Clone(a.names)
	for i, fact := range a.facts {
		if c := &a.asked.Changes[i]; c.Op == client.OpMove {
			after[a.pathOf(c.Node)] = ack{actor: a.id, gone: true}
		}
		after[fact.path] = fact
	}
	return after
}

// standing is what the actor's folder holds, at one moment.
func (a *actor) standing(ctx context.Context) (map[string]client.Entry, error) {
	list, err := a.remote.List(ctx, a.folder)
	if err != nil {
		return nil, a.excuse(err)
	}
	if a.dark() {
		return nil, errDark
	}
	all := make(map[string]client.Entry, len(list.Entries))
	for _, e := range list.Entries {
		all[e.Name] = e
	}
	return all, nil
}
