package client

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"sluice/internal/proto"
)

// tree is a namespace that can change between two requests.
type tree struct {
	mu      sync.Mutex
	epoch   int64
	journal int64
	nodes   map[int64]Entry
	gone    map[int64]int64 // node -> journal number of its end
	page    int             // entries a page
	between []func()        // run one after each page of a list
}

func newTree(page int) *tree {
	return &tree{epoch: 7, journal: 100, page: page, nodes: make(map[int64]Entry), gone: make(map[int64]int64)}
}

// on makes s serve the tree, which from then on belongs to it.
func (n *tree) on(s *server) {
	s.on(proto.TypeList, n.list)
	s.on(proto.TypeChanges, n.changes)
}

func (n *tree) put(node, parent int64, name string, kind Kind) {
	n.journal++
	n.nodes[node] = Entry{Node: node, Parent: parent, Name: name, Kind: kind, Mode: 0o644, Version: n.journal}
}

func (n *tree) remove(node int64) {
	n.journal++
	delete(n.nodes, node)
	n.gone[node] = n.journal
}

// walk tells all below a folder in order of name, a folder before what it holds.
func (n *tree) walk(folder int64, recursive bool, visit func(Entry)) {
	var children []Entry
	for _, e := range n.nodes {
		if e.Parent == folder {
			children = append(children, e)
		}
	}
	slices.SortFunc(children, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	for _, e := range children {
		visit(e)
		if recursive && e.Kind == KindFolder {
			n.walk(e.Node, true, visit)
		}
	}
}

func (n *tree) list(q *request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := q.header.(*proto.List)
	top := h.Node
	if top == 0 {
		top = 1
	}
	if _, there := n.nodes[top]; top != 1 && !there {
		q.refuse(NotFound)
		return
	}
	var all []Entry
	n.walk(top, h.Recursive, func(e Entry) { all = append(all, e) })
	answer := &proto.ListReply{Epoch: n.epoch, Journal: n.journal}
	if h.After != 0 {
		at := slices.IndexFunc(all, func(e Entry) bool { return e.Node == h.After })
		if at < 0 {
			q.refuse(Conflict)
			return
		}
		all = all[at+1:]
	}
	answer.More = len(all) > n.page
	answer.Entries = all[:min(len(all), n.page)]
	q.reply(answer, nil)
	if len(n.between) > 0 {
		n.between[0]()
		n.between = n.between[1:]
	}
}

func (n *tree) changes(q *request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := q.header.(*proto.Changes)
	if h.Epoch != n.epoch {
		q.refuse(EpochChanged)
		return
	}
	answer := &proto.ChangesReply{Epoch: n.epoch, Journal: n.journal}
	for _, e := range n.nodes {
		if e.Version > h.Since {
			answer.Entries = append(answer.Entries, e)
		}
	}
	for node, version := range n.gone {
		if version > h.Since {
			answer.Entries = append(answer.Entries, Entry{Node: node, Version: version, Deleted: true})
		}
	}
	slices.SortFunc(answer.Entries, func(a, b Entry) int { return int(a.Version - b.Version) })
	if len(answer.Entries) > n.page {
		answer.Entries, answer.More = answer.Entries[:n.page], true
	}
	q.reply(answer, nil)
}

// shape is a listing as paths, and checks that every folder comes before what it holds.
func shape(t *testing.T, top int64, entries []Entry) string {
	t.Helper()
	paths := map[int64]string{top: ""}
	var all []string
	for _, e := range entries {
		above, found := paths[e.Parent]
		if !found {
			t.Fatalf("%q comes before its folder", e.Name)
		}
		paths[e.Node] = above + "/" + e.Name
		all = append(all, paths[e.Node])
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func (n *tree) shape(t *testing.T, top int64, recursive bool) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []Entry
	n.walk(top, recursive, func(e Entry) { all = append(all, e) })
	return shape(t, top, all)
}

// fill makes folders a to e with three files each.
func (n *tree) fill() {
	for i := range int64(5) {
		n.put(10+i, 1, string(rune('a'+i)), KindFolder)
		for j := range int64(3) {
			n.put(100+10*i+j, 10+i, fmt.Sprint("f", j), KindFile)
		}
	}
}

func TestListing(t *testing.T) {
	for name, between := range map[string]func(n *tree) []func(){
		"nothing changes": func(n *tree) []func() { return nil },
		"new file":        func(n *tree) []func() { return []func(){func() { n.put(200, 10, "new", KindFile) }} },
		"new folder": func(n *tree) []func() {
			return []func(){nil, func() {
				n.put(200, 1, "aa", KindFolder)
				n.put(201, 200, "in", KindFile)
				n.put(202, 200, "in2", KindFolder)
				n.put(203, 202, "deep", KindFile)
			}}
		},
		"file deleted":     func(n *tree) []func() { return []func(){func() { n.remove(101) }} },
		"folder deleted":   func(n *tree) []func() { return []func(){nil, func() { n.remove(10) }} },
		"file moved back":  func(n *tree) []func() { return []func(){nil, func() { n.put(140, 10, "f9", KindFile) }} },
		"file moved on":    func(n *tree) []func() { return []func(){nil, func() { n.put(100, 14, "f9", KindFile) }} },
		"folder moved":     func(n *tree) []func() { return []func(){nil, nil, func() { n.put(10, 1, "z", KindFolder) }} },
		"folder moved in":  func(n *tree) []func() { return []func(){nil, func() { n.put(13, 10, "in", KindFolder) }} },
		"folder moved up":  func(n *tree) []func() { return []func(){nil, func() { n.put(14, 1, "A", KindFolder) }} },
		"page end moved":   func(n *tree) []func() { return []func(){func() { n.put(101, 14, "zz", KindFile) }} },
		"page end deleted": func(n *tree) []func() { return []func(){func() { n.remove(101) }} },
		"restored": func(n *tree) []func() {
			return []func(){nil, func() { n.epoch, n.journal = 8, 50; n.remove(103) }}
		},
		"always something": func(n *tree) []func() {
			var all []func()
			for i := range int64(30) {
				all = append(all, func() {
					n.put(300+2*i, 10+i%5, fmt.Sprint("n", i), KindFolder)
					n.put(301+2*i, 300+2*i, "x", KindFile)
				})
			}
			return all
		},
		"from another place": func(n *tree) []func() {
			n.nodes[1000] = Entry{Node: 1000, Parent: 999, Name: "elsewhere", Kind: KindFolder, Version: 1}
			n.nodes[1001] = Entry{Node: 1001, Parent: 1000, Name: "old", Kind: KindFile, Version: 2}
			return []func(){nil, func() { n.put(1000, 1, "here", KindFolder) }}
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			s := newServer(t)
			n := newTree(3)
			n.fill()
			for _, step := range between(n) {
				n.between = append(n.between, func() {
					if step != nil {
						step()
					}
				})
			}
			n.on(s)
			r := s.dial(Options{})
			got, err := r.ListAll(soon(t), 0)
			if err != nil {
				t.Fatal(err)
			}
			if have, want := shape(t, 1, got.Entries), n.shape(t, 1, true); have != want {
				t.Errorf("got  %s\nwant %s", have, want)
			}
			n.mu.Lock()
			if got.Epoch != n.epoch || got.Journal != n.journal {
				t.Errorf("epoch %d, journal %d; want %d, %d", got.Epoch, got.Journal, n.epoch, n.journal)
			}
			n.mu.Unlock()
			one, err := r.List(soon(t), 10)
			if CodeOf(err) == NotFound {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if have, want := shape(t, 10, one.Entries), n.shape(t, 10, false); have != want {
				t.Errorf("one folder: got  %s\nwant %s", have, want)
			}
		})
	}
}

// A server on which a folder moves between any two pages is not listed for ever.
func TestListingThatNeverSettles(t *testing.T) {
	s := newServer(t)
	n := newTree(3)
	n.fill()
	for i := range 1000 {
		n.between = append(n.between, func() { n.put(10, 1, fmt.Sprint("a", i%2), KindFolder) })
	}
	n.on(s)
	r := s.dial(Options{})
	if _, err := r.ListAll(soon(t), 0); !errors.Is(err, errRestart) || ExitCode(err) != ExitTemporary {
		t.Errorf("%v", err)
	}
}

// The last node is spotted whatever the names are, or a page is merely asked for in vain.
func TestLastNode(t *testing.T) {
	entries := []Entry{
		{Node: 5, Parent: 1, Name: "a", Kind: KindFolder, Version: 1},
		{Node: 77, Parent: 1, Name: `"node":88,"more":true`, Kind: KindFile, Version: 2},
	}
	for _, row := range []struct {
		raw  string
		want int64
	}{
		{string((&proto.ListReply{More: true, Entries: entries}).Append(nil)), 77},
		{string((&proto.ListReply{More: true, Entries: entries[:1]}).Append(nil)), 5},
		{string((&proto.ListReply{Entries: entries}).Append(nil)), 0},
		{"", 0},
		{`"more":true`, 0},
		{`"more":true,"node":`, 0},
		{`"more":true,"node":99999999999999999999999`, 0},
	} {
		if got := lastNode([]byte(row.raw)); got != row.want {
			t.Errorf("%s: %d, want %d", row.raw, got, row.want)
		}
	}
}
