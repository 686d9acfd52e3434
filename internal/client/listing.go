package client

import (
	"context"
	"errors"
	"fmt"

	"sluice/internal/proto"
)

// Listing is what lay in, or below, a folder at one journal number: folders before what they hold.
type Listing struct {
	Epoch   int64
	Journal int64
	Entries []Entry
}

// List gives the children of a folder (0: the root of home).
func (r *Remote) List(ctx context.Context, node int64) (*Listing, error) {
	return r.list(ctx, node, false)
}

// ListAll gives all below a folder (0: the root of home).
func (r *Remote) ListAll(ctx context.Context, node int64) (*Listing, error) {
	return r.list(ctx, node, true)
}

// errRestart says that a listing cannot be made whole: a folder moved while its pages were read.
var errRestart = errors.New("folders keep being moved")

// list reads all pages. Each page is a snapshot of its own; if the journal stood still between the first and the last,
// they are one snapshot together, else the changes since the first page are applied until nothing new comes.
func (r *Remote) list(ctx context.Context, node int64, recursive bool) (*Listing, error) {
	return r.listAt(ctx, node, 0, recursive)
}

// ListAt gives the children of a folder (0: the root of home), or with recursive all below it, as it was at a time, ns since
// 1970; Journal is the number that was reached then.
func (r *Remote) ListAt(ctx context.Context, node, at int64, recursive bool) (*Listing, error) {
	return r.listAt(ctx, node, at, recursive)
}

func (r *Remote) listAt(ctx context.Context, node, at int64, recursive bool) (*Listing, error) {
	if node == 0 {
		node = r.Hello().Root
	}
	var err error
	for range maxRestarts {
		g := gathering{remote: r, top: node, at: at, recursive: recursive}
		var whole *Listing
		whole, err = g.run(ctx)
		if err == nil {
			return whole, nil
		}
		if code := CodeOf(err); !errors.Is(err, errRestart) && code != proto.Conflict && code != proto.EpochChanged {
			return nil, err
		}
	}
	return nil, &lostError{fmt.Errorf("list: %w", err)}
}

// gathering is a listing in the making.
type gathering struct {
	remote    *Remote
	top       int64
	at        int64 // 0: as it is
	recursive bool

	epoch  int64
	since  int64 // journal of the first page
	newest int64 // journal of the latest page
	pages  []Entry
	ends   map[int64]bool // nodes that pages ended with
	most   int            // pages of changes that are worth reading; 0: any number

	// Only when the journal moved:
	known  map[int64]Entry
	listed map[int64]bool // folders whose children were listed
}

func (g *gathering) run(ctx context.Context) (*Listing, error) {
	g.since = -1
	g.ends = make(map[int64]bool)
	if err := g.read(ctx, g.top); err != nil {
		return nil, err
	}
	if g.newest == g.since {
		return &Listing{Epoch: g.epoch, Journal: g.since, Entries: g.pages}, g.check()
	}
	if g.at != 0 {
		return nil, errRestart // a commit that came in between counts as before that time
	}
	g.known = make(map[int64]Entry, len(g.pages))
	g.listed = map[int64]bool{g.top: true}
	g.merge()
	if err := g.settle(ctx); err != nil {
		return nil, err
	}
	return &Listing{Epoch: g.epoch, Journal: g.since, Entries: g.prune()}, nil
}

// read appends all pages of one folder.
func (g *gathering) read(ctx context.Context, node int64) error {
	book := pages{remote: g.remote, request: ListRequest{Node: node, Recursive: g.recursive, At: g.at}}
	defer book.close()
	for {
		page, err := book.next(ctx)
		if err != nil {
			return err
		}
		if g.since < 0 {
			g.epoch, g.since, g.newest = page.Epoch, page.Journal, page.Journal
		}
		if page.Epoch != g.epoch || page.Journal < g.newest {
			return errRestart
		}
		g.newest = page.Journal
		if len(g.pages)+len(g.known)+len(page.Entries) > maxListing {
			return broken("a list of more than %d names", maxListing)
		}
		g.pages = append(g.pages, page.Entries...)
		if !page.More {
			return nil
		}
		last := page.Entries[len(page.Entries)-1].Node
		if last == book.request.After || g.ends[last] && page.Journal == g.since {
			return broken("pages of a list that go in a circle")
		}
		g.ends[last] = true
		book.request.After = last
	}
}

// check holds the pages of one snapshot against what a listing is: each name stands in a folder told before.
func (g *gathering) check() error {
	folders := map[int64]bool{g.top: true}
	for i := range g.pages {
		e := &g.pages[i]
		if !folders[e.Parent] {
			return broken("list: node %d stands in %d, which was not told", e.Node, e.Parent)
		}
		if e.Kind == KindFolder && g.recursive {
			if folders[e.Node] {
				return broken("list: folder %d is told twice", e.Node)
			}
			folders[e.Node] = true
		}
	}
	return nil
}

// merge moves the pages read so far to what is known; of two tidings about a node the later counts.
func (g *gathering) merge() {
	for _, e := range g.pages {
		if old, found := g.known[e.Node]; !found || old.Version < e.Version {
			g.known[e.Node] = e
		}
		if e.Kind == KindFolder {
			g.listed[e.Node] = true
		}
	}
	g.pages = nil
}

// settle applies what changed since the first page until that is all.
func (g *gathering) settle(ctx context.Context) error {
	for {
		touched, journal, err := g.changes(ctx)
		if err != nil {
			return err
		}
		// Of a folder that came from elsewhere only its own row is told: what it holds must be listed.
		for _, node := range touched {
			if !g.recursive || g.listed[node] || !g.below(node) {
				continue
			}
			g.listed[node] = true
			if err := g.read(ctx, node); err != nil && CodeOf(err) != NotFound { // gone again: the next changes tell
				return err
			}
			g.merge()
		}
		g.since = journal
		if journal >= g.newest {
			return nil
		}
	}
}

// changes applies all pages of changes and tells which folders they named, and up to which journal number they go.
func (g *gathering) changes(ctx context.Context) (folders []int64, journal int64, err error) {
	since := g.since
	for read := 1; ; read++ {
		if g.most > 0 && read > g.most {
			return nil, 0, errRestart
		}
		page, err := g.remote.Changes(ctx, ChangesRequest{Epoch: g.epoch, Since: since})
		if err != nil {
			return nil, 0, err
		}
		if page.Epoch != g.epoch || page.Journal < since {
			return nil, 0, errRestart
		}
		for _, e := range page.Entries {
			if e.Version <= since {
				return nil, 0, broken("changes since %d tell of version %d", since, e.Version)
			}
			if err := g.apply(e); err != nil {
				return nil, 0, err
			}
			if !e.Deleted && e.Kind == KindFolder {
				folders = append(folders, e.Node)
			}
		}
		if !page.More {
			return folders, page.Journal, nil
		}
		since = page.Entries[len(page.Entries)-1].Version
		if len(g.known) > maxListing {
			return nil, 0, broken("changes to more than %d names", maxListing)
		}
	}
}

func (g *gathering) apply(e Entry) error {
	old, found := g.known[e.Node]
	switch {
	case found && old.Version > e.Version:
	case e.Deleted:
		delete(g.known, e.Node)
		delete(g.listed, e.Node) // should it come back, it is listed again
	case found && len(g.ends) > 0 && (old.Parent != e.Parent || old.Name != e.Name) && (e.Kind == KindFolder || g.ends[e.Node]):
		// The next page began after this node's new place: what lies between may have been left out, and is not told.
		return errRestart
	default:
		g.known[e.Node] = e
	}
	return nil
}

// below tells whether a node lies below the top, as far as is known.
func (g *gathering) below(node int64) bool {
	for range len(g.known) + 1 { // a circle ends too
		if node == g.top {
			return true
		}
		e, found := g.known[node]
		if !found {
			return false
		}
		node = e.Parent
	}
	return false
}

// prune gives what hangs together below the top, folders before what they hold: the rest lies elsewhere or below a
// folder that is gone.
func (g *gathering) prune() []Entry {
	children := make(map[int64][]int64)
	for node, e := range g.known {
		children[e.Parent] = append(children[e.Parent], node)
	}
	entries := make([]Entry, 0, len(g.known))
	for todo := []int64{g.top}; len(todo) > 0; {
		node := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, child := range children[node] {
			e := g.known[child]
			entries = append(entries, e)
			if e.Kind == KindFolder && g.recursive {
				todo = append(todo, child)
			}
		}
		delete(children, node)
	}
	return entries
}
