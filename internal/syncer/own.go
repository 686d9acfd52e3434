package syncer

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// own is the server as a push sees it, which takes down what the push itself changes. From a view and that, the view
// after the push can be had without asking again, if nobody else changed anything: every change takes exactly one number
// of the journal, so that is so if the numbers of the own changes are all there are. Otherwise nothing is concluded.
type own struct {
	Server
	mu      sync.Mutex
	journal int64     // the greatest told
	numbers []int64   // of own changes
	done    []ownStep // in order of the replies
	unsure  bool      // something that cannot be accounted for
}

// ownStep is a change that was carried out.
type ownStep struct {
	op client.Op
	e  client.Entry
}

// Commit makes sure of new folders. A mkdir is answered alike whether the folder was made or stood there with just this
// mode and time; it may then hold anything, and its number be of another's move. So the first folder of a commit is made
// with a time that no other has. If that is done it is new, and so are those with greater numbers after it, as nobody
// else gets a number in between. It gets its true time at once.
func (o *own) Commit(ctx context.Context, c *client.CommitRequest) (*client.CommitReply, error) {
	if c.Changes[0].Op != client.OpMkdir {
		return o.commit(ctx, c)
	}
	first := c.Changes[0]
	request := *c
	request.Changes = slices.Clone(c.Changes)
	request.Changes[0].Mtime = time.Now().UnixNano()
	reply, err := o.commit(ctx, &request)
	if err != nil || len(reply.Entries) == 0 || reply.Entries[0].Code != client.OK {
		return reply, err
	}
	made := &reply.Entries[0]
	then, err := o.commit(ctx, &client.CommitRequest{Changes: []client.Change{
		{Op: client.OpSet, Node: made.Node, Mode: first.Mode, Mtime: first.Mtime, Expect: made.Version},
	}})
	if err != nil {
		return nil, err
	}
	if len(then.Entries) == 1 && then.Entries[0].Code == client.OK {
		made.Version = then.Entries[0].Version
	}
	return reply, nil // someone who has changed it meanwhile keeps his time
}

func (o *own) commit(ctx context.Context, c *client.CommitRequest) (*client.CommitReply, error) {
	reply, err := o.Server.Commit(ctx, c)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil || len(reply.Entries) != len(c.Changes) {
		o.unsure = o.unsure || err == nil
		return reply, err // changes without a reply have numbers that will be missing
	}
	o.journal = max(o.journal, reply.Journal)
	for i, fate := range reply.Entries {
		if fate.Code == client.OK {
			o.note(c.Changes, reply.Entries, i)
		}
	}
	return reply, nil
}

// note takes down one change.
func (o *own) note(changes []client.Change, fates []client.Changed, i int) {
	c, fate := &changes[i], fates[i]
	e := client.Entry{Node: fate.Node, Parent: c.Parent.Node, Name: c.Name, Kind: c.Kind, Size: c.Size, Mode: c.Mode & 0o777,
		Mtime: c.Mtime, Version: fate.Version, Hash: c.Hash}
	switch c.Op {
	case client.OpPut, client.OpMkdir:
		if e.Parent == 0 {
			e.Parent = fates[c.Parent.Entry].Node
		}
		if c.Op == client.OpMkdir {
			e.Kind = proto.KindFolder
			o.unsure = o.unsure || i > 0 && (changes[0].Op != client.OpMkdir || fates[0].Code != client.OK || fate.Version < fates[0].Version)
		}
	case client.OpSet, client.OpDelete:
	default:
		o.unsure = true
	}
	o.numbers = append(o.numbers, fate.Version)
	o.done = append(o.done, ownStep{c.Op, e})
}

// alone says whether the own changes are all there were since the journal number.
func (o *own) alone(since int64) bool {
	slices.Sort(o.numbers)
	o.numbers = slices.Compact(o.numbers)
	return !o.unsure && len(o.numbers) > 0 && o.numbers[0] > since && int64(len(o.numbers)) == o.journal-since
}

// after gives the view after the own changes to what stood below top at v; nil: it cannot be told.
func (o *own) after(v *view, top client.Entry) *view {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.alone(v.journal) {
		return nil
	}
	slices.SortStableFunc(o.done, func(a, b ownStep) int { return cmp.Compare(a.e.Version, b.e.Version) })
	latest := make(map[int64]*ownStep, len(o.done))
	for i := range o.done {
		step := &o.done[i]
		before := latest[step.e.Node]
		if step.op == client.OpSet && before != nil && before.op != client.OpDelete {
			before.e.Mode, before.e.Mtime, before.e.Version = step.e.Mode, step.e.Mtime, step.e.Version
			continue
		}
		latest[step.e.Node] = step
	}
	var entries []client.Entry
	inside := map[int64]bool{top.Node: true}
	for todo := []*Node{v.root}; len(todo) > 0; {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for i := range n.Children {
			c := &n.Children[i]
			e := entryOf(c)
			if step := latest[c.ID]; step != nil {
				delete(latest, c.ID)
				switch step.op {
				case client.OpDelete:
					continue
				case client.OpSet:
					e.Mode, e.Mtime, e.Version = step.e.Mode, step.e.Mtime, step.e.Version
				default:
					e = step.e
				}
			}
			entries = append(entries, e)
			if c.IsFolder() {
				inside[c.ID] = true
				todo = append(todo, c)
			}
		}
	}
	for i := range o.done {
		step := &o.done[i]
		if latest[step.e.Node] != step || !inside[step.e.Parent] || step.op != client.OpPut && step.op != client.OpMkdir {
			continue
		}
		delete(latest, step.e.Node)
		entries = append(entries, step.e)
		if step.op == client.OpMkdir {
			inside[step.e.Node] = true
		}
	}
	// What is left: the folders above the top that this push has made, and what was told of the top itself.
	for _, step := range latest {
		if step.op == client.OpPut {
			return nil
		}
	}
	root, err := remoteTree(top, entries)
	if err != nil {
		return nil
	}
	return &view{epoch: v.epoch, journal: o.journal, root: root}
}
