package mirror

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// simNode is a node of the simulated server.
type simNode struct {
	client.Entry
}

// simServer is a server in memory, by the rules of docs/PROTOCOL.md.
type simServer struct {
	w        *world
	uuid     string
	root     int64
	nodes    map[int64]*simNode
	gone     map[int64]int64 // deleted nodes and the numbers of their deletes
	journal  int64
	epoch    int64
	forgot   int64 // deletes up to here are remembered no longer
	last     int64 // node number
	held     map[proto.Hash]string
	past     map[proto.Hash]bool // contents that were named once
	commits  int
	late     []*client.CommitRequest // on their way, given up by who sent them
	keys     map[client.Key]repeated
	room     int // changes that are accepted before the quota is used up; -1: no limit
	snapshot *simServer
}

// repeated is what the server keeps of a commit for its repetitions.
type repeated struct {
	request string
	reply   *client.CommitReply
}

func newServer(w *world) *simServer {
	s := &simServer{
		w: w, uuid: "server", nodes: make(map[int64]*simNode), gone: make(map[int64]int64), epoch: 1,
		held: make(map[proto.Hash]string), past: make(map[proto.Hash]bool), keys: make(map[client.Key]repeated), room: -1,
	}
	home := s.add(0, "", client.Entry{Kind: client.KindFolder, Mode: 0o755})
	s.root = s.add(home, "docs", client.Entry{Kind: client.KindFolder, Mode: 0o755})
	return s
}

func (s *simServer) add(parent int64, name string, e client.Entry) int64 {
	s.last++
	s.journal++
	e.Node, e.Parent, e.Name, e.Version = s.last, parent, name, s.journal
	s.nodes[e.Node] = &simNode{e}
	return e.Node
}

// save keeps a backup; restore goes back to it, with a new epoch.
func (s *simServer) save() *simServer {
	c := *s
	c.nodes = make(map[int64]*simNode)
	for id, n := range s.nodes {
		one := *n
		c.nodes[id] = &one
	}
	c.gone, c.held, c.past, c.keys = maps.Clone(s.gone), maps.Clone(s.held), maps.Clone(s.past), maps.Clone(s.keys)
	c.late = nil
	return &c
}

func (s *simServer) restore(b *simServer) {
	epoch, commits := s.epoch+1, s.commits
	*s = *b.save()
	s.epoch, s.commits, s.snapshot = epoch, commits, b
	s.journal, s.last = epoch*1_000_000, epoch*1_000_000 // past all that was ever given
}

func (s *simServer) child(parent int64, name string) *simNode {
	for _, n := range s.nodes {
		if n.Parent == parent && n.Name == name && n.Parent != 0 {
			return n
		}
	}
	return nil
}

// lives says whether a node and all above it are there.
func (s *simServer) lives(id int64) bool {
	for id != 1 {
		n := s.nodes[id]
		if n == nil {
			return false
		}
		id = n.Parent
	}
	return true
}

func (s *simServer) below(id, top int64) bool {
	for id != 0 {
		if id == top {
			return true
		}
		n := s.nodes[id]
		if n == nil {
			return false
		}
		id = n.Parent
	}
	return false
}

// once applies a commit that was not applied before.
func (s *simServer) once(c *client.CommitRequest) (*client.CommitReply, error) {
	request := fmt.Sprint(c.All, c.Changes)
	if r, ok := s.keys[c.Key]; ok && c.Key != (client.Key{}) {
		if r.request != request {
			return nil, client.NewError("commit", client.KeyReused, "")
		}
		return r.reply, nil
	}
	reply := s.apply(c)
	if reply == nil {
		return nil, client.NewError("commit", client.Conflict, "")
	}
	s.keys[c.Key] = repeated{request, reply}
	return reply, nil
}

func (s *simServer) apply(c *client.CommitRequest) *client.CommitReply {
	reply := &client.CommitReply{}
	var before *simServer
	if c.All {
		before = s.save()
	}
	for i := range c.Changes {
		f := s.change(&c.Changes[i], reply.Entries)
		if c.All && f.Code != client.OK {
			late, snapshot := s.late, s.snapshot
			*s = *before
			s.late, s.snapshot = late, snapshot
			return nil
		}
		reply.Entries = append(reply.Entries, f)
	}
	reply.Journal = s.journal
	s.commits++
	if s.w.running != nil {
		s.w.noMixture(nil, "a commit")
	}
	return reply
}

func refuse(code client.Code) client.Changed { return client.Changed{Code: code} }

func expected(there *simNode, version int64) client.Code {
	switch {
	case version == client.ExpectAny, version == 0 && there == nil:
		return client.OK
	case version == 0:
		return client.Exists
	case there == nil || there.Version != version:
		return client.Conflict
	}
	return client.OK
}

func (s *simServer) change(c *client.Change, before []client.Changed) client.Changed {
	var there *simNode
	parent := c.Parent.Node
	if c.Op == client.OpPut || c.Op == client.OpMkdir || c.Op == client.OpMove {
		if parent == 0 {
			if before[c.Parent.Entry].Code != client.OK {
				return refuse(client.NotFound)
			}
			parent = before[c.Parent.Entry].Node
		}
		if p := s.nodes[parent]; !s.lives(parent) {
			return refuse(client.NotFound)
		} else if p.Kind != client.KindFolder {
			return refuse(client.NotFolder)
		}
		there = s.child(parent, c.Name)
	}
	n := s.nodes[c.Node]
	if c.Op == client.OpSet || c.Op == client.OpMove || c.Op == client.OpDelete {
		if n == nil || !s.lives(c.Node) {
			return refuse(client.NotFound)
		}
		version := c.Expect
		if c.Op == client.OpMove {
			version = c.ExpectNode
		}
		if version != client.ExpectAny && version != n.Version {
			return refuse(client.Conflict)
		}
	}
	switch c.Op {
	case client.OpPut:
		return s.put(c, parent, there)
	case client.OpMkdir:
		if there != nil && there.Kind == client.KindFolder && there.Mode == c.Mode && there.Mtime == c.Mtime {
			return client.Changed{Node: there.Node, Version: there.Version}
		}
		if code := expected(there, c.Expect); code != client.OK {
			return refuse(code)
		}
		if there != nil && there.Kind != client.KindFolder {
			return refuse(client.NotFolder)
		}
		if there != nil {
			return s.meta(there, c)
		}
		id := s.add(parent, c.Name, client.Entry{Kind: client.KindFolder, Mode: c.Mode, Mtime: c.Mtime})
		return client.Changed{Node: id, Version: s.journal}
	case client.OpSet:
		return s.meta(n, c)
	case client.OpMove:
		return s.move(c, n, parent, there)
	case client.OpDelete:
		for _, k := range s.nodes {
			if k.Parent == n.Node && !c.Recursive {
				return refuse(client.NotEmpty)
			}
		}
		s.remove(n)
		return client.Changed{Node: n.Node, Version: s.journal}
	}
	panic("BUG: op")
}

func (s *simServer) put(c *client.Change, parent int64, there *simNode) client.Changed {
	if there != nil && there.Kind == client.KindFolder {
		if code := expected(there, c.Expect); code != client.OK {
			return refuse(code)
		}
		return refuse(client.IsFolder)
	}
	same := there != nil && there.Hash == c.Hash && there.Kind == c.Kind
	if same && there.Mode == c.Mode && there.Mtime == c.Mtime {
		return client.Changed{Node: there.Node, Version: there.Version}
	}
	if code := expected(there, c.Expect); code != client.OK {
		return refuse(code)
	}
	if same {
		return s.meta(there, c)
	}
	if data, found := s.held[c.Hash]; !found || int64(len(data)) != c.Size {
		return refuse(client.NotUploaded)
	}
	if s.room == 0 {
		return refuse(client.OverQuota)
	}
	if s.room > 0 {
		s.room--
	}
	s.past[c.Hash] = true
	e := client.Entry{Kind: c.Kind, Hash: c.Hash, Size: c.Size, Mode: c.Mode, Mtime: c.Mtime}
	if there == nil {
		id := s.add(parent, c.Name, e)
		return client.Changed{Node: id, Version: s.journal}
	}
	s.journal++
	there.Kind, there.Hash, there.Size, there.Mode, there.Mtime, there.Version = c.Kind, c.Hash, c.Size, c.Mode, c.Mtime, s.journal
	return client.Changed{Node: there.Node, Version: s.journal}
}

func (s *simServer) meta(n *simNode, c *client.Change) client.Changed {
	if n.Mode != c.Mode || n.Mtime != c.Mtime {
		s.journal++
		n.Mode, n.Mtime, n.Version = c.Mode, c.Mtime, s.journal
	}
	return client.Changed{Node: n.Node, Version: n.Version}
}

func (s *simServer) move(c *client.Change, n *simNode, parent int64, there *simNode) client.Changed {
	if there == n {
		return client.Changed{Node: n.Node, Version: n.Version}
	}
	if code := expected(there, c.Expect); code != client.OK {
		return refuse(code)
	}
	if n.Kind == client.KindFolder && s.below(parent, n.Node) {
		return refuse(client.Cycle)
	}
	if there != nil {
		if there.Kind == client.KindFolder {
			return refuse(client.IsFolder)
		}
		if n.Kind == client.KindFolder {
			return refuse(client.NotFolder)
		}
		s.remove(there)
	}
	s.journal++
	n.Parent, n.Name, n.Version = parent, c.Name, s.journal
	return client.Changed{Node: n.Node, Version: s.journal}
}

func (s *simServer) remove(n *simNode) {
	s.journal++
	s.gone[n.Node] = s.journal
	delete(s.nodes, n.Node)
}

// entries tells what lies below a folder, folders before what they hold.
func (s *simServer) entries(top int64) (all []client.Entry) {
	var kids []*simNode
	for _, n := range s.nodes {
		if n.Parent == top {
			kids = append(kids, n)
		}
	}
	slices.SortFunc(kids, func(a, b *simNode) int { return int(a.Node - b.Node) })
	for _, n := range kids {
		all = append(all, n.Entry)
		if n.Kind == client.KindFolder {
			all = append(all, s.entries(n.Node)...)
		}
	}
	return all
}

func (s *simServer) news(since int64, limit int) (all []client.Entry, more bool) {
	for _, n := range s.nodes {
		if n.Version > since {
			if s.lives(n.Node) {
				all = append(all, n.Entry)
			} else {
				all = append(all, client.Entry{Node: n.Node, Version: n.Version, Deleted: true})
			}
		}
	}
	for id, v := range s.gone {
		if v > since {
			all = append(all, client.Entry{Node: id, Version: v, Deleted: true})
		}
	}
	slices.SortFunc(all, func(a, b client.Entry) int { return int(a.Version - b.Version) })
	if len(all) > limit {
		return all[:limit], true
	}
	return all, false
}

// line is a device's connection to the server: it loses requests and replies, and delivers some long after.
type line struct {
	s    *simServer
	name string
}

func (l *line) Hello() client.HelloReply {
	return client.HelloReply{Server: l.s.uuid, Root: 1, Namespace: 1, Device: 1, Account: "u", Epoch: l.s.epoch, Journal: l.s.journal}
}

func (l *line) Commit(ctx context.Context, c *client.CommitRequest) (*client.CommitReply, error) {
	if err := l.s.w.point(l.name, "commit"); err != nil {
		if l.s.w.chance(3) {
			copied := *c
			copied.Changes = slices.Clone(c.Changes)
			l.s.late = append(l.s.late, &copied)
		}
		return nil, err
	}
	reply, refused := l.s.once(c)
	l.s.w.mayCrash(l.name, "commit")
	if err := l.s.w.point(l.name, "commit's reply"); err != nil {
		return nil, err
	}
	return reply, refused
}

func (l *line) Stat(ctx context.Context, node int64, path []string) (*client.StatReply, error) {
	if err := l.s.w.point(l.name, "stat"); err != nil {
		return nil, err
	}
	if node == 0 {
		node = 1
	}
	at := l.s.nodes[node]
	if at == nil {
		return nil, client.NewError("stat", client.NotFound, "")
	}
	reply := &client.StatReply{Epoch: l.s.epoch, Journal: l.s.journal, Entries: []client.Entry{at.Entry}}
	for _, name := range path {
		if at = l.s.child(at.Node, name); at == nil {
			break
		}
		reply.Entries = append(reply.Entries, at.Entry)
	}
	return reply, nil
}

func (l *line) ListAll(ctx context.Context, node int64) (*client.Listing, error) {
	if err := l.s.w.point(l.name, "list"); err != nil {
		return nil, err
	}
	if !l.s.lives(node) {
		return nil, client.NewError("list", client.NotFound, "")
	}
	list := &client.Listing{Epoch: l.s.epoch, Journal: l.s.journal, Entries: l.s.entries(node)}
	return list, l.s.w.point(l.name, "list's reply")
}

func (l *line) Changes(ctx context.Context, c client.ChangesRequest) (*client.ChangesReply, error) {
	if err := l.s.w.point(l.name, "changes"); err != nil {
		return nil, err
	}
	if c.Epoch != l.s.epoch || c.Since > l.s.journal || c.Since < l.s.forgot {
		return nil, client.NewError("changes", client.EpochChanged, "")
	}
	reply := &client.ChangesReply{Epoch: l.s.epoch, Journal: l.s.journal}
	reply.Entries, reply.More = l.s.news(c.Since, 4)
	return reply, l.s.w.point(l.name, "changes' reply")
}
