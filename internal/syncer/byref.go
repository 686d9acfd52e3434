package syncer

import (
	"context"
	"fmt"
	"os"
	"slices"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// A folder that was pushed to one place of the account and now goes to another need not be named file by file: where the server
// still holds at the first place just what the folder holds, it copies that, in one change. What was listed of the first place
// is true at a journal number, and the commit says that number: if anything has changed since, nothing is copied.
//
// Only what is equal throughout is copied: nothing may stand at the first place that the local folder does not hold, or that is
// excluded, and no file may differ. So the copy is what sending would have made. What the local folder holds besides comes after.
const (
	copyLeast = 64     // names: fewer are put as soon
	copyMost  = 50_000 // names in one commit: others wait so long, some 0.4 s
)

// copier chooses what is copied.
type copier struct {
	least   int // see copyLeast
	changes []client.Change
	cost    int
	names   int     // that will be copied
	copied  []*Node // local folders
	made    []*Node // local folders that are made to hold those
	equals  []*Node // what lies in those and is copied, themselves too
	differs bool    // something is left to do in them
}

// copyKnown lets the server copy what it can. It tells whether anything was copied, and whether that is all there was to do.
func (p *pusher) copyKnown(ctx context.Context) (some, all bool, err error) {
	least := p.Hashes.least
	if least == 0 {
		least = copyLeast
	}
	if len(p.plan.Clear) > 0 || p.news() < least {
		return false, false, nil
	}
	p.recallAll()
	old, err := p.earlier(ctx)
	if old == nil || err != nil {
		return false, false, err
	}
	c := &copier{least: least}
	parent := client.Place{Node: p.where.last().Node}
	for i, name := range p.where.missing {
		if i == len(p.where.missing)-1 {
			c.folder(&p.local.root, nil, old.root, parent, name)
			break
		}
		c.add(client.Change{Op: client.OpMkdir, Parent: parent, Name: name, Mode: 0o755, Mtime: p.began.UnixNano()})
		parent = client.Place{Entry: i}
	}
	if len(p.where.missing) == 0 {
		c.folder(&p.local.root, p.there.tree(), old.root, parent, "")
	}
	if c.names < least {
		return false, false, nil
	}
	reply, err := p.own.Server.Commit(ctx, &client.CommitRequest{All: true, Journal: old.journal, Changes: c.changes})
	if client.CodeOf(err) != client.OK { // somebody was faster, or there is no room: what is sent name by name will tell
		return false, false, nil
	}
	if err != nil {
		return false, false, fmt.Errorf("copy what the server holds: %w", err)
	}
	if len(reply.Entries) != len(c.changes) {
		return false, false, fmt.Errorf("commit of %d names answered %d: %w", len(c.changes), len(reply.Entries), errHostile)
	}
	for _, n := range slices.Concat(c.made, c.equals) {
		n.Copied = true
	}
	if !slices.ContainsFunc(p.where.found, func(e client.Entry) bool { return e.Node == old.root.ID }) {
		old.journal, old.kept = reply.Journal, false // what was added stands elsewhere
		p.keep(old)
	}
	if c.differs || len(c.copied) != 1 || c.copied[0] != &p.local.root {
		return true, false, nil
	}
	p.folders.init()
	p.folders.set(&p.local.root, reply.Entries[len(reply.Entries)-1].Node)
	return true, true, nil
}

// news counts the files that go into new folders.
func (p *pusher) news() (n int) {
	made := make(map[*Node]bool)
	for _, f := range p.plan.Folders {
		if f.Dst == nil {
			made[f.Src] = true
		}
	}
	for _, f := range p.plan.Files {
		if made[f.Src.Parent] {
			n++
		}
	}
	return n
}

// earlier gives the server's tree at the latest place this folder was pushed to of which a listing is remembered; nil: there is
// none.
func (p *pusher) earlier(ctx context.Context) (*view, error) {
	if p.memory == nil {
		return nil, nil
	}
	whose := p.whose()
	for _, at := range p.memory.places {
		if at.whose != whose || len(p.where.missing) == 0 && at.node == p.where.last().Node || !p.Listings.has(p.listingKey(at.node)) {
			continue
		}
		reply, err := p.Server.Stat(ctx, at.node, nil)
		switch {
		case client.CodeOf(err) != client.OK: // it is gone
			continue
		case err != nil:
			return nil, err
		case len(reply.Entries) != 1 || reply.Entries[0].Kind != proto.KindFolder || reply.Entries[0].Parent == 0 || reply.Epoch != p.where.epoch:
			continue // the root of all cannot be copied
		}
		v, err := p.view(ctx, &place{epoch: reply.Epoch, journal: reply.Journal, found: reply.Entries})
		if err != nil {
			return nil, err
		}
		markExcluded(v.root, p.Filter)
		return v, nil
	}
	return nil, nil
}

// has says whether something is remembered, whatever it is.
func (l Listings) has(k listingKey) bool {
	_, err := os.Lstat(l.shelf().path(k.file()))
	return l != "" && err == nil
}

// add takes a change, if the commit has room for it.
func (c *copier) add(change client.Change) bool {
	cost := changeCost + 6*len(change.Name)
	if len(c.changes) == client.MaxBatch || c.cost+cost > maxCommitHeader {
		return false
	}
	c.cost += cost
	c.changes = append(c.changes, change)
	return true
}

// folder sees to what of the local folder s is missing at its place in the target, d (nil: all), and stands in the earlier copy,
// o. A folder that cannot be copied whole is made, to hold those below it that can.
func (c *copier) folder(s, d, o *Node, parent client.Place, name string) {
	if d != nil {
		parent = client.Place{Node: d.ID}
	} else {
		before := *c
		names := 1
		if c.equal(s, o, &names) && names >= c.least && c.names+names <= copyMost &&
			c.add(client.Change{Op: client.OpCopy, Parent: parent, Name: name, Node: o.ID}) {
			c.names += names
			c.copied = append(c.copied, s)
			return
		}
		*c = before
		if !c.add(client.Change{Op: client.OpMkdir, Parent: parent, Name: name, Mode: s.Mode, Mtime: s.Mtime}) {
			return
		}
		parent = client.Place{Entry: len(c.changes) - 1}
		c.made = append(c.made, s)
		defer func() {
			if len(c.copied) == len(before.copied) { // not for nothing
				*c = before
			}
		}()
	}
	for i := range s.Children {
		below := &s.Children[i]
		from := o.child(below.Name)
		if !below.IsFolder() || below.Excluded || below.Unknown || from == nil || !from.IsFolder() || from.Excluded {
			continue
		}
		var to *Node
		if d != nil {
			if to = d.child(below.Name); to != nil && (!to.IsFolder() || to.Excluded) {
				continue
			}
		}
		c.folder(below, to, from, parent, below.Name)
	}
}

// equal says whether a copy of o is what sending s would make, but for what s holds besides and for modes and times, which are
// noted as differences.
func (c *copier) equal(s, o *Node, names *int) bool {
	if s.Unknown || s.Kind != o.Kind {
		return false
	}
	c.differs = c.differs || !sameFacts(s, o)
	c.equals = append(c.equals, s)
	if !s.IsFolder() {
		return s.Hashed && o.Hashed && s.Hash == o.Hash && s.Size == o.Size
	}
	equal := true
	var pairs comparer
	pairs.pairs(s.Children, o.Children, func(s, o *Node) {
		switch {
		case !equal:
		case o == nil:
			c.differs = c.differs || !s.Excluded && s.Kind != kindSpecial
		case s == nil || s.Excluded || o.Excluded:
			equal = false
		default:
			*names++
			equal = c.equal(s, o, names)
		}
	})
	return equal
}
