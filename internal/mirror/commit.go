package mirror

import (
	"slices"

	"sluice/internal/client"
	"sluice/internal/reconcile"
	"sluice/internal/state"
)

// Limits of one commit: bytes of its header, which may have 1 MiB.
const (
	maxHeader    = 900 << 10
	changeHeader = 320 // a change without its name, whose bytes may be written as %XX or \u00XX
	nameHeader   = 6
)

// pending is the commit that is being gathered.
type pending struct {
	room    int // how many changes it may have
	changes []client.Change
	then    []func(f client.Changed) error
	made    map[*reconcile.Entry]int // local folders that an entry of this commit makes
	busy    map[int64]bool           // nodes that an entry of this commit changes: their versions are not known before the reply
	sent    []state.SyncSent
	size    int
	bytes   int64 // of contents named
}

func (p *pending) init(room int) {
	*p = pending{room: room, made: make(map[*reconcile.Entry]int), busy: make(map[int64]bool)}
}

// makes says whether the commit is to make a local folder.
func (p *pending) makes(folder *reconcile.Entry) bool {
	_, ok := p.made[folder]
	return ok
}

// names says whether the commit does nothing but give new names to contents.
func (p *pending) names() bool { return len(p.made)+len(p.busy) == 0 }

// full says whether the commit has no room for a change of this name.
func (p *pending) full(name string) bool {
	return len(p.changes) == p.room || p.size+changeHeader+nameHeader*len(name) > maxHeader
}

// prepare makes room for a change of a node (0: a new one) with this name, whose version must be known.
func (r *round) prepare(node int64, name string) error {
	if r.up.full(name) {
		if err := r.launch(); err != nil {
			return err
		}
	}
	if node != 0 && (r.up.busy[node] || r.flying.changes(node)) {
		return r.flush()
	}
	return nil
}

// add adds a change; then is called with its fate when it is known.
func (r *round) add(c client.Change, then func(f client.Changed) error) {
	p := &r.up
	p.changes = append(p.changes, c)
	p.then = append(p.then, then)
	p.size += changeHeader + nameHeader*len(c.Name)
	if c.Node != 0 {
		p.busy[c.Node] = true
	}
}

// place is the folder in which a local entry stands, as the server knows it. false: it is not there.
func (r *round) place(folder *reconcile.Entry) (client.Place, bool, error) {
	if i, ok := r.up.made[folder]; ok {
		return client.Place{Entry: i}, true, nil
	}
	if r.flying.makes(folder) {
		if err := r.land(); err != nil {
			return client.Place{}, false, err
		}
	}
	return client.Place{Node: folder.ID}, r.stands(folder), nil
}

// stands says whether the server has a local folder.
func (r *round) stands(folder *reconcile.Entry) bool {
	return folder.ID != 0 && r.remote.ByID[folder.ID] != nil
}

// meet looks into folders that a mkdir of this commit may have found rather than made: another device's, exactly as
// ours was to be. What such a folder holds has been told by no journal if it came from elsewhere. Numbers are given
// in order, so a version that is not one of this commit's is an older one; only of the first one that was given it
// cannot be told.
func (r *round) meet(p pending, reply *client.CommitReply) error {
	next := reply.Journal
	first := -1
	for i := len(reply.Entries) - 1; i >= 0; i-- {
		if f := &reply.Entries[i]; f.Code == client.OK && f.Version == next {
			first = i
			next--
		}
	}
	for _, i := range p.made {
		f := &reply.Entries[i]
		if f.Code != client.OK || f.Version > next && i != first {
			continue
		}
		if err := r.lookInto(f.Node, reply.Entries); err != nil {
			return err
		}
	}
	return nil
}

// lookInto records what a folder of the server holds besides what is known, and what the commit that found it has put there.
func (r *round) lookInto(node int64, own []client.Changed) error {
	list, err := r.m.Server.ListAll(r.ctx, node)
	if refusal(client.CodeOf(err)) {
		return nil // gone again
	}
	if err != nil {
		return err
	}
	for i := range list.Entries {
		e := &list.Entries[i]
		if r.remote.ByID[e.Node] == nil && !slices.ContainsFunc(own, func(f client.Changed) bool { return f.Node == e.Node }) {
			r.batch.News = append(r.batch.News, state.SyncNews{SyncEntry: told(e)})
			r.again = true
		}
	}
	return nil
}
