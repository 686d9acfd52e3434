package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sluice/internal/client"
	"sluice/internal/proto"
	"sluice/internal/reconcile"
	"sluice/internal/state"
)

// round is one look at both sides and what is done about it. The trees are kept as what was done makes them.
type round struct {
	m      *Mirror
	ctx    context.Context
	agreed *reconcile.Tree
	local  *reconcile.Tree
	remote *reconcile.Tree
	steps  []reconcile.Step

	scanned int64 // when the scan of everything ended; 0: it was one of parts

	inside map[*reconcile.Entry]members // what the sets hold, of all three trees
	theirs map[int64]*reconcile.Entry   // nodes in sets on the server; nil: not gathered

	up        pending
	flying    flights
	commits   int
	leftovers []*reconcile.Entry // on the server: what this device began and never finished
	again     bool               // something was refused, or changed meanwhile: a new plan is needed

	// What is to be recorded with the next batch.
	batch    state.SyncBatch
	touched  map[int64]bool
	unsynced bool // names here are not durable yet
}

// round makes one round of what look reads. It says whether another one is needed.
func (m *Mirror) round(ctx context.Context, look func() (*round, error)) (again bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if err := m.find(ctx); err != nil {
		return false, err
	}
	if err := m.Folder.Check(); err != nil {
		return false, &SafetyError{Reason: err.Error()}
	}
	m.result.Rounds++
	r, err := look()
	if err != nil || r == nil {
		m.result.Journal = m.root.Journal
		return false, err
	}
	if err := r.found(); err != nil {
		return false, err
	}
	if err := m.guard(r); err != nil {
		return false, err
	}
	err = r.carryOut()
	if e := r.land(); err == nil {
		err = e
	}
	if e := r.record(); err == nil {
		err = e
	}
	if err == nil && r.commits > 0 && !r.again {
		r.again, err = m.catchUp(ctx)
	}
	m.result.Journal = m.root.Journal
	return r.again, err
}

// found records that a look was made and, before the first step, that something is left to be done: whatever ends this
// life now, it is not in sync. Rule 14.
func (r *round) found() error {
	root := r.m.root
	if r.scanned != 0 {
		root.Scanned = r.scanned
	}
	if root.Synced == root.Journal && root.Synced > 0 && slices.ContainsFunc(r.steps, todo) {
		root.Synced--
	}
	if root == r.m.root {
		return nil
	}
	if err := r.m.State.Apply(&state.SyncBatch{Root: &root}); err != nil {
		return err
	}
	r.m.root = root
	return nil
}

// todo says whether a step changes anything but what is remembered.
func todo(s reconcile.Step) bool {
	return s.Do != reconcile.Agree && s.Do != reconcile.Forget && s.Do != reconcile.Read
}

// look reads both sides and plans.
func (m *Mirror) look(ctx context.Context) (*round, error) {
	ahead := m.readAhead()
	local, err := m.scan(ctx, nil)
	rows := ahead()
	if err != nil {
		return nil, err
	}
	scanned, journal := m.Now().UnixNano(), m.root.Journal
	if _, err := m.follow(ctx); err != nil {
		return nil, err
	}
	if m.root.Journal != journal {
		rows = nil // some may have changed
	}
	if same, err := m.same(local, rows); err != nil || same {
		return &round{m: m, ctx: ctx, scanned: scanned}, err
	}
	agreed, remote, leftovers, err := m.load()
	if err != nil {
		return nil, err
	}
	r := m.compare(ctx, agreed, local, remote)
	r.scanned, r.leftovers = scanned, leftovers
	if err := r.resolved(); err != nil {
		return nil, err
	}
	return r, r.plan()
}

// resolved finds conflicts that are none any more: the file is gone, or has another name.
func (r *round) resolved() error {
	list, err := r.m.State.Conflicts()
	for _, c := range list {
		e := r.local.Root
		for _, name := range split(c.Path) {
			if e = e.Children[name]; e == nil {
				r.batch.Resolved = append(r.batch.Resolved, c.Path)
				break
			}
		}
	}
	return err
}

// scan reads this side.
func (m *Mirror) scan(ctx context.Context, parts []Part) (*reconcile.Tree, error) {
	local, problems, err := m.Folder.Scan(ctx, parts)
	if err != nil {
		return nil, err
	}
	m.result.Problems, m.waits = m.result.Problems[:0], 0
	for _, p := range problems {
		m.problem(p)
	}
	return local, nil
}

// compare makes a round of three trees.
func (m *Mirror) compare(ctx context.Context, agreed, local, remote *reconcile.Tree) *round {
	r := &round{m: m, ctx: ctx, agreed: agreed, local: local, remote: remote, touched: make(map[int64]bool), unsynced: !m.durable}
	r.up.init(m.Options.Batch)
	local.Root.Mode, local.Root.Mtime = 0, 0
	agreed.Root.Facts = local.Root.Facts
	reconcile.Match(agreed, local)
	r.spare()
	r.damage()
	r.exclude(remote.Root, local.Root, "")
	return r
}

// spare puts back what is agreed and was not listed here, but is left alone: of many such files in a folder a scan lists a
// few only. Nothing is to be concluded from it.
func (r *round) spare() {
	for id, a := range r.agreed.ByID {
		if a.IsFolder() || a.Parent == nil || r.local.ByID[id] != nil {
			continue
		}
		folder := r.local.ByID[a.Parent.ID]
		if folder == nil || folder.Part || folder.Unknown || folder.Children[a.Name] != nil {
			continue
		}
		if path := child(folder, a.Name); r.m.Folder.Ignored(path, false) && !r.m.inSet(path) {
			e := &reconcile.Entry{Name: a.Name, Kind: a.Kind, Excluded: true}
			r.local.Add(folder, e)
			r.local.Number(e, id)
		}
	}
}

// plan plans, and reads the files that have to be read before more can be said.
func (r *round) plan() error {
	if err := r.fold(); err != nil {
		return err
	}
	if err := r.replaced(); err != nil {
		return err
	}
	if err := r.own(); err != nil {
		return err
	}
	o := reconcile.Options{Device: r.m.root.Device, Date: r.m.Now().Format("2006-01-02")}
	for {
		r.steps = reconcile.Plan(r.agreed, r.local, r.remote, o)
		read := false
		for _, s := range r.steps {
			if s.Do != reconcile.Read {
				continue
			}
			more, err := r.read(s.Local)
			if err != nil {
				return err
			}
			read = read || more
		}
		if !read {
			return nil
		}
	}
}

// read reads a file, or makes it Unknown. It says whether that tells a plan more.
func (r *round) read(l *reconcile.Entry) (more bool, err error) {
	err = r.m.Folder.Hash(r.ctx, l)
	switch {
	case err == nil:
		return l.Hashed, nil
	case errors.Is(err, ErrMeanwhile):
		r.again = true
	case r.ctx.Err() != nil:
		return false, r.ctx.Err()
	default:
		r.m.problem(Problem{Path: l.Path(), Reason: "it could not be read: " + err.Error(), Err: err})
	}
	l.Unknown = true
	return true, nil
}

// damage finds files that a crash has cut short: as they were left but for their size. That is no edit, so the server's is
// fetched again: rule 1.
func (r *round) damage() {
	for id, l := range r.local.ByID {
		a := r.agreed.ByID[id]
		if a == nil || l.Kind != proto.KindFile || a.Kind != proto.KindFile || l.Hashed {
			continue
		}
		f, g := &l.Facts, &a.Facts
		if f.Ino == g.Ino && f.Mtime == g.Mtime && f.Ctime == g.Ctime && f.Size < g.Size {
			l.Hash, l.Size, l.Hashed = proto.Hash{}, a.Size, true
			a.Hash = l.Hash
		}
	}
}

// exclude marks what the server has and this device leaves alone. What is in the local tree under the same path is not
// left alone, and needs no look.
func (r *round) exclude(remote, local *reconcile.Entry, path string) {
	for name, e := range remote.Children {
		at := name
		if path != "" {
			at = path + "/" + name
		}
		var l *reconcile.Entry
		if local != nil {
			l = local.Children[name]
		}
		if l == nil && r.m.Folder.Ignored(at, e.IsFolder()) {
			e.Excluded = true
		} else if e.IsFolder() && !r.m.isSet(name) {
			r.exclude(e, l, at)
		}
	}
}

// find makes sure that the roots are those that were synced before: rule 3.
func (m *Mirror) find(ctx context.Context) error {
	if m.ready {
		return nil
	}
	if err := m.findHere(true); err != nil {
		return err
	}
	if err := m.findThere(ctx, true); err != nil {
		return err
	}
	m.ready = true
	return nil
}

func (m *Mirror) findHere(mark bool) error {
	got, err := m.Folder.Marker()
	if err != nil {
		return err
	}
	known := Marker{m.root.Dev, m.root.Ino, m.root.Mark}
	switch {
	case known == Marker{}:
		if !mark {
			return nil
		}
		if got.Mark == "" {
			if err := m.Folder.SetMark(fmt.Sprintf("%s/%d", m.root.Server, got.Ino)); err != nil {
				return err
			}
			if got, err = m.Folder.Marker(); err != nil {
				return err
			}
		}
		root := m.root
		root.Dev, root.Ino, root.Mark = got.Dev, got.Ino, got.Mark
		if err := m.State.Apply(&state.SyncBatch{Root: &root}); err != nil {
			return err
		}
		m.root = root
	case known.Mark != "" && got.Mark != known.Mark, known.Ino != got.Ino, known.Mark == "" && known.Dev != got.Dev:
		return stop(nil, "%s is not the folder that was synced before: is something not mounted?", m.root.Dir)
	}
	return nil
}

// findThere finds the folder on the server. The first time it is made where it is missing; later its absence is no
// wish to have everything deleted here.
func (m *Mirror) findThere(ctx context.Context, make bool) error {
	hello := m.Server.Hello()
	if hello.Server != m.root.Server {
		return stop(nil, "another server answers than the one that was synced with")
	}
	names := split(m.root.Path)
	at, err := m.Server.Stat(ctx, 0, names)
	if err != nil {
		return err
	}
	first := !m.root.Listed || at.Epoch != m.root.Epoch
	found := at.Entries[len(at.Entries)-1]
	switch missing := names[len(at.Entries)-1:]; {
	case found.Kind != client.KindFolder:
		return client.NewError("stat", client.NotFolder, fmt.Sprintf("%s is no folder on the server", m.root.Path))
	case len(missing) > 0 && !first:
		return stop(nil, "%s was deleted on the server, or moved", m.root.Path)
	case len(missing) > 0 && !make:
		return client.NewError("stat", client.NotFound, fmt.Sprintf("%s is not there yet", m.root.Path))
	case len(missing) > 0:
		if found.Node, err = m.mkdirs(ctx, found.Node, missing); err != nil {
			return err
		}
	}
	if found.Node == m.root.Node {
		return nil
	}
	if !first {
		return stop(nil, "%s on the server is another folder than the one that was synced before", m.root.Path)
	}
	root := m.root
	b := &state.SyncBatch{Root: &root}
	if root.Listed { // the server went back to before this folder was made: what was agreed is not there any more
		b.Anew, root.Listed = true, false
	}
	root.Node = found.Node
	if err := m.apply(b); err != nil {
		return err
	}
	m.root = root
	return nil
}

// mkdirs makes folders one in the other and gives the last one's number.
func (m *Mirror) mkdirs(ctx context.Context, parent int64, names []string) (int64, error) {
	for _, name := range names {
		c := client.Change{Op: client.OpMkdir, Parent: client.Place{Node: parent}, Name: name, Mode: 0o755, Mtime: m.Now().UnixNano(), Expect: client.ExpectAny}
		reply, err := m.Server.Commit(ctx, &client.CommitRequest{Changes: []client.Change{c}})
		if err != nil {
			return 0, err
		}
		if f := reply.Entries[0]; f.Code != client.OK {
			return 0, client.NewError("make "+name, f.Code, f.Message)
		}
		parent = reply.Entries[0].Node
	}
	return parent, nil
}
