package syncer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// folders knows the server's numbers of the source's folders. They are complete when ready is closed.
type folders struct {
	mu    sync.Mutex
	ids   map[*Node]int64
	ready chan struct{}
}

func (f *folders) init() {
	f.ids = make(map[*Node]int64)
	f.ready = make(chan struct{})
}

func (f *folders) finish() { close(f.ready) }

// wait returns when all folders have been made or refused.
func (f *folders) wait(ctx context.Context) error {
	select {
	case <-f.ready:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *folders) id(n *Node) (int64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id, ok := f.ids[n]
	return id, ok
}

func (f *folders) set(n *Node, id int64) {
	f.mu.Lock()
	f.ids[n] = id
	f.mu.Unlock()
}

// making is a folder that does not exist yet.
type making struct {
	node   *Node // carries mode and mtime
	parent *Node // where it is to stand
	name   string
}

// makeFolders makes what is missing, parents first, many in a commit.
func (p *pusher) makeFolders(ctx context.Context) error {
	var todo []making
	at := &Node{Kind: proto.KindFolder}
	p.folders.set(at, p.where.last().Node)
	for i, name := range p.where.missing {
		n := &Node{Name: name, Kind: proto.KindFolder, Mode: 0o755, Mtime: time.Now().UnixNano()}
		if i == len(p.where.missing)-1 {
			n = &p.local.root
		}
		todo = append(todo, making{node: n, parent: at, name: name})
		at = n
	}
	for _, f := range p.plan.Folders {
		switch {
		case f.Dst != nil:
			p.folders.set(f.Src, f.Dst.ID)
		case f.Src.Parent != nil:
			todo = append(todo, making{node: f.Src, parent: f.Src.Parent, name: f.Src.Name})
		}
	}
	for len(todo) > 0 {
		again, err := p.makeSome(ctx, todo)
		if err != nil {
			return err
		}
		todo = again
	}
	return nil
}

// makeSome makes folders whose parents are known or in front of them. It returns those to be tried once more, as a
// parent turned out to have been made by someone else meanwhile.
func (p *pusher) makeSome(ctx context.Context, todo []making) ([]making, error) {
	var again []making
	for len(todo) > 0 {
		changes := make([]client.Change, 0, min(len(todo), client.MaxBatch))
		entries := make(map[*Node]int)
		batch := make([]making, 0, cap(changes))
		n, cost := 0, 0
		for ; n < len(todo) && len(changes) < client.MaxBatch; n++ {
			m := todo[n]
			c := client.Change{Op: client.OpMkdir, Name: m.name, Mode: m.node.Mode, Mtime: m.node.Mtime}
			if id, ok := p.folders.id(m.parent); ok {
				c.Parent.Node = id
			} else if e, ok := entries[m.parent]; ok {
				c.Parent.Entry = e
			} else {
				p.problem(Problem{Path: m.node.Path(), Reason: "its folder could not be made"})
				continue
			}
			if cost += changeCost + 6*len(m.name); cost > maxCommitHeader {
				break
			}
			entries[m.node] = len(changes)
			changes = append(changes, c)
			batch = append(batch, m)
		}
		todo = todo[n:]
		if len(changes) == 0 {
			continue
		}
		reply, err := p.Server.Commit(ctx, &client.CommitRequest{Changes: changes})
		if err != nil {
			return nil, fmt.Errorf("make folders: %w", err)
		}
		if len(reply.Entries) != len(changes) {
			return nil, fmt.Errorf("commit of %d names answered %d: %w", len(changes), len(reply.Entries), errHostile)
		}
		for i, done := range reply.Entries {
			m := batch[i]
			if done.Code == client.OK {
				p.folders.set(m.node, done.Node)
				p.folder(Made, m.node)
				continue
			}
			retry, err := p.folderRefused(ctx, m, entries, reply.Entries, done)
			if err != nil {
				return nil, err
			}
			if retry {
				again = append(again, m)
			}
		}
	}
	return again, nil
}

// folderRefused finds out why a folder was not made. It may be there by now, which is as good; or its parent was not
// made in the same commit, and then it is tried again if the parent is there by now.
func (p *pusher) folderRefused(ctx context.Context, m making, entries map[*Node]int, fates []client.Changed, done client.Changed) (bool, error) {
	if e, ok := entries[m.parent]; ok && fates[e].Code != client.OK {
		if _, ok := p.folders.id(m.parent); ok {
			return true, nil
		}
		p.problem(Problem{Path: m.node.Path(), Reason: "its folder could not be made"})
		return false, nil
	}
	switch done.Code {
	case client.OverQuota, client.NoSpace:
		return false, client.NewError("make folders", done.Code, done.Message)
	case client.Exists, client.Conflict:
		parent, _ := p.folders.id(m.parent)
		reply, err := p.Server.Stat(ctx, parent, []string{m.name})
		if err != nil {
			return false, fmt.Errorf("look again at %s: %w", Terminal(m.node.Path()), err)
		}
		if len(reply.Entries) > 1 && reply.Entries[1].Kind == proto.KindFolder {
			p.folders.set(m.node, reply.Entries[1].Node)
			return false, nil
		}
		p.problem(Problem{Path: m.node.Path(), Conflict: true, Reason: "another file was put in its place on the server meanwhile: run the same command again"})
		return false, nil
	}
	p.problem(Problem{Path: m.node.Path(), Reason: refused(done)})
	return false, nil
}
