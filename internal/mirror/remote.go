package mirror

import (
	"context"
	"fmt"
	"slices"

	"sluice/internal/client"
	"sluice/internal/proto"
	"sluice/internal/state"
)

// follow brings what is remembered of the server up to date. The journal number moves on in the transaction that
// records what was read up to it. Only what was asked for after the last commit was answered is read here, so an old
// answer cannot bring back what a commit has removed. It says whether there is anything new.
func (m *Mirror) follow(ctx context.Context) (news bool, err error) {
	if err := m.overtake(ctx); err != nil {
		return false, err
	}
	if !m.root.Listed {
		return true, m.list(ctx)
	}
	f := &following{m: m, epoch: m.root.Epoch, since: m.root.Journal, fresh: make(map[int64]state.SyncNews), old: make(map[int64]state.SyncNews), listed: make(map[int64]bool)}
	err = f.run(ctx)
	if client.CodeOf(err) == client.EpochChanged {
		return true, m.list(ctx)
	}
	if err != nil {
		return false, err
	}
	return f.record()
}

// following is one reading of the server's journal.
type following struct {
	m      *Mirror
	epoch  int64
	since  int64
	newest int64                    // the latest number an answer has told of
	told   []client.Entry           // by all pages since
	fresh  map[int64]state.SyncNews // what is newer than remembered
	old    map[int64]state.SyncNews // what was remembered; ID 0: nothing
	mine   map[int64]uint64         // folders that we have made without being answered, and their inodes here
	listed map[int64]bool           // folders whose whole content was told by a listing
}

// run reads pages of changes, and lists folders that came from elsewhere, until the server has nothing newer to tell.
func (f *following) run(ctx context.Context) error {
	for range maxFollow {
		if err := f.pages(ctx); err != nil {
			return err
		}
		news := slices.DeleteFunc(f.told, f.m.own.tells)
		f.told = nil
		for i := range news {
			if err := f.take(&news[i]); err != nil {
				return err
			}
		}
		if err := f.arrivals(ctx, news); err != nil {
			return err
		}
		if f.since >= f.newest {
			return nil
		}
	}
	return fmt.Errorf("follow the server: %w", client.ErrTimeout)
}

// maxFollow bounds how often a listing may be newer than the changes read before it.
const maxFollow = 100

// pages reads all pages of changes.
func (f *following) pages(ctx context.Context) error {
	for {
		page, err := f.m.Server.Changes(ctx, client.ChangesRequest{Epoch: f.epoch, Since: f.since})
		if err != nil {
			return err
		}
		if page.Epoch != f.epoch || page.Journal < f.since {
			return fmt.Errorf("%w: changes of another epoch, or from before", client.ErrProtocol)
		}
		f.told = append(f.told, page.Entries...)
		f.newest = max(f.newest, page.Journal)
		if !page.More {
			f.since = page.Journal
			return nil
		}
		if f.since = page.Entries[len(page.Entries)-1].Version; f.since > page.Journal {
			return fmt.Errorf("%w: a change past the journal's end", client.ErrProtocol)
		}
	}
}

// known is what was remembered of a node before; ID 0: nothing.
func (f *following) known(id int64) (state.SyncNews, error) {
	if n, found := f.old[id]; found {
		return n, nil
	}
	n, found, err := f.m.State.NewsOf(id)
	if err == nil && !found {
		var a state.SyncNode
		if a, found, err = f.m.State.Node(id); found {
			n = state.SyncNews{SyncEntry: a.SyncEntry}
		}
	}
	if err != nil {
		return state.SyncNews{}, err
	}
	f.old[id] = n
	return n, nil
}

// now is what is known of a node with all that was read.
func (f *following) now(id int64) (state.SyncNews, error) {
	if n, found := f.fresh[id]; found {
		return n, nil
	}
	return f.known(id)
}

// take notes one tiding, if it is newer than what is known. What says that a node stands is also newer than what says, of the
// same number, that it does not: it stood elsewhere.
func (f *following) take(e *client.Entry) error {
	if e.Node == f.m.root.Node {
		if e.Deleted {
			return stop(nil, "the folder on the server was deleted")
		}
		return nil
	}
	n, err := f.now(e.Node)
	if err != nil {
		return err
	}
	if n.ID != 0 && (n.Version > e.Version || n.Version == e.Version && (!n.Deleted || e.Deleted)) {
		return nil
	}
	if e.Deleted {
		if n.ID != 0 {
			n.Version, n.Deleted = e.Version, true
			f.fresh[e.Node] = n
		}
		return nil
	}
	f.fresh[e.Node] = state.SyncNews{SyncEntry: told(e)}
	return nil
}

// inside says whether a node lies below the root, as look sees it.
func (f *following) inside(id int64, look func(int64) (state.SyncNews, error)) (bool, error) {
	for range maxDepth {
		if id == f.m.root.Node {
			return true, nil
		}
		n, err := look(id)
		if err != nil || n.ID == 0 || n.Deleted {
			return false, err
		}
		id = n.Parent
	}
	return false, nil
}

// maxDepth is more than any path has, so that a circle ends.
const maxDepth = 10000

// arrivals lists the folders among the news that lay outside before: of those only their own names are told.
func (f *following) arrivals(ctx context.Context, news []client.Entry) error {
	for i := range news {
		if news[i].Deleted || news[i].Kind != client.KindFolder {
			continue
		}
		top, err := f.arrived(news[i].Node)
		if err != nil {
			return err
		}
		if top == 0 || f.listed[top] {
			continue
		}
		f.listed[top] = true
		if err := f.listBelow(ctx, top); err != nil {
			return err
		}
	}
	return nil
}

// arrived gives the highest folder at or above a node that lies inside and did not before; 0: none.
func (f *following) arrived(id int64) (top int64, err error) {
	if in, err := f.inside(id, f.now); err != nil || !in {
		return 0, err
	}
	for id != f.m.root.Node {
		before, err := f.inside(id, f.known)
		if err != nil || before {
			return top, err
		}
		if f.listed[id] {
			return 0, nil
		}
		top = id
		n, err := f.now(id)
		if err != nil {
			return 0, err
		}
		id = n.Parent
	}
	return top, nil
}

// listBelow takes all that lies below a folder.
func (f *following) listBelow(ctx context.Context, node int64) error {
	list, err := f.m.Server.ListAll(ctx, node)
	switch client.CodeOf(err) {
	case client.NotFound, client.NotFolder: // gone again: the next changes tell
		f.newest = max(f.newest, f.since+1)
		return nil
	}
	if err != nil {
		return err
	}
	if list.Epoch != f.epoch {
		return client.NewError("list", client.EpochChanged, "")
	}
	f.newest = max(f.newest, list.Journal)
	for i := range list.Entries {
		e := &list.Entries[i]
		if err := f.take(e); err != nil {
			return err
		}
		if e.Kind == client.KindFolder {
			f.listed[e.Node] = true
		}
	}
	return nil
}

// record writes what was read.
func (f *following) record() (news bool, err error) {
	root := f.m.root
	root.Journal = f.since
	b := &state.SyncBatch{}
	sent, err := f.m.ours()
	if err != nil {
		return false, err
	}
	ids := make([]int64, 0, len(f.fresh))
	for id := range f.fresh {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if err := f.row(b, f.fresh[id], sent); err != nil {
			return false, err
		}
	}
	b.Answered = f.m.unmet(sent)
	if b.Empty() && root.Journal == f.m.root.Journal {
		return false, nil
	}
	b.Root = &root
	if err := f.m.apply(b); err != nil {
		return false, err
	}
	f.m.root, f.m.own = root, own{reach: root.Journal}
	return len(b.News) > 0, nil
}

// row writes what was read of one node.
func (f *following) row(b *state.SyncBatch, n state.SyncNews, own map[state.SyncSent]bool) error {
	if !n.Deleted {
		in, err := f.inside(n.ID, f.now)
		if err != nil {
			return err
		}
		n.Deleted = !in // of what lies elsewhere it counts only that it does
	}
	a, agreed, err := f.m.State.Node(n.ID)
	if err != nil {
		return err
	}
	if !n.Deleted {
		if row, ok := f.done(&n, &a, agreed, own); ok {
			a, agreed = row, true
			b.Nodes = append(b.Nodes, a)
		}
	}
	switch {
	case n.Deleted && !agreed:
		b.Settled = append(b.Settled, n.ID)
	case n.Deleted && own[ownDelete(n.ID)]:
		// Our own delete, whose reply was lost: what is here in its place by now is new.
		b.Forget, b.Settled = append(b.Forget, n.ID), append(b.Settled, n.ID)
	case n.Deleted:
		b.News = append(b.News, n)
	case agreed && same(&a.SyncEntry, &n.SyncEntry):
		a.Version = n.Version
		b.Nodes = append(b.Nodes, a)
		b.Settled = append(b.Settled, n.ID)
	default:
		b.News = append(b.News, n)
	}
	return nil
}

// ours is what was sent and not answered.
func (m *Mirror) ours() (map[state.SyncSent]bool, error) {
	list, err := m.State.Sent()
	if err != nil {
		return nil, err
	}
	own := make(map[state.SyncSent]bool, len(list))
	for _, s := range list {
		own[s] = true
	}
	return own, nil
}

// unmet is what of own is not waited for once the server was followed or listed: what was sent and has not turned up by then
// never arrived, and another device may give the name the same content. A delete is of one node, which nobody else deletes for
// what stands here instead; sets are found later.
func (m *Mirror) unmet(own map[state.SyncSent]bool) (all []state.SyncSent) {
	for o := range own {
		if o.Name != "" && !m.isSet(o.Name) {
			all = append(all, o)
		}
	}
	return all
}

// same says whether two states of a node differ at most in their versions.
func same(a, b *state.SyncEntry) bool {
	x, y := *a, *b
	x.Version, y.Version = 0, 0
	if x.Kind == uint8(proto.KindFolder) {
		x.Mtime, y.Mtime = 0, 0
	}
	return x == y
}
