package reconcile

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"sluice/internal/proto"
)

// world is a disk, a server and what is remembered, all in memory, and an engine that carries plans out one step at a
// time, checking of each what the real sides would.
type world struct {
	t       failer
	disk    *Tree // Facts as a file system would tell; Hash is what a read would find
	server  *Tree
	rows    map[int64]*row
	unborn  bool // the file system does not tell when an entry was born
	clock   int64
	ino     uint64
	node    int64
	version int64

	steps    []Do     // of the last sync
	took     []string // the same in words
	refused  []string
	cut      int  // a round ends after so many steps
	forget   int  // and what the last ones of them remembered is lost
	maimed   bool // that has happened
	asides   int
	contents map[string]string
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

type row struct {
	parent int64
	e      Entry
}

func newWorld(t failer) *world {
	w := &world{t: t, ino: 1, node: 1, version: 1, rows: map[int64]*row{}, contents: map[string]string{}}
	w.disk = NewTree(&Entry{Kind: proto.KindFolder, Mode: 0o755, Facts: Facts{Ino: 1, Born: 1}})
	w.server = NewTree(&Entry{ID: 1, Kind: proto.KindFolder, Mode: 0o755, Version: 1})
	return w
}

func (w *world) tick() int64 { w.clock++; return w.clock }

func (w *world) hash(content string) proto.Hash {
	h := proto.Hash(sha256.Sum256([]byte(content)))
	w.contents[string(h[:])] = content
	return h
}

func lookup(t *Tree, path string) *Entry {
	e := t.Root
	for name := range strings.SplitSeq(path, "/") {
		if path == "" {
			break
		}
		if e = e.Children[name]; e == nil {
			return nil
		}
	}
	return e
}

func place(t *Tree, path string) (*Entry, string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return t.Root, path
	}
	return lookup(t, path[:i]), path[i+1:]
}

// do makes a change on one side, as a user or another device would: "mkdir P", "put P CONTENT", "link P TARGET", "mv P Q",
// "rm P" (with all below it), "chmod P", "replace P CONTENT" (by another file renamed over it). What is impossible is not done.
func (w *world) do(s side, command string) bool {
	f := strings.Fields(command)
	if strings.Contains(command, "|") {
		f = strings.Split(command, "|") // for names with spaces
	}
	t := w.disk
	if s == there {
		t = w.server
	}
	parent, name := place(t, f[1])
	if parent == nil || !parent.IsFolder() {
		return false
	}
	e := parent.Children[name]
	switch f[0] {
	case "mkdir":
		if e != nil {
			return false
		}
		w.fresh(s, parent, name, proto.KindFolder, "")
	case "put", "link", "replace", "set":
		kind := map[string]proto.Kind{"put": proto.KindFile, "replace": proto.KindFile, "link": proto.KindLink, "set": KindSet}[f[0]]
		switch {
		case e == nil:
			w.fresh(s, parent, name, kind, f[2])
		case class(e) != class(&Entry{Kind: kind}):
			return false
		case s == here && (f[0] == "replace" || e.Kind != kind):
			t.Remove(e)
			w.fresh(s, parent, name, kind, f[2])
		default:
			e.Kind = kind
			w.fill(s, e, f[2])
		}
	case "mv":
		to, as := place(t, f[2])
		if e == nil || to == nil || !to.IsFolder() || to.Children[as] != nil || below(to, e) {
			return false
		}
		t.Move(e, to, as)
		w.touch(s, e)
	case "rm":
		if e == nil {
			return false
		}
		t.Remove(e)
	case "chmod":
		if e == nil {
			return false
		}
		e.Mode ^= 0o011
		w.touch(s, e)
	case "exclude", "unreadable":
		if e == nil {
			return false
		}
		e.Excluded, e.Unknown = f[0] == "exclude", f[0] == "unreadable"
	default:
		w.t.Fatalf("do what? %s", command)
	}
	return true
}

func below(e, top *Entry) bool {
	for ; e != nil; e = e.Parent {
		if e == top {
			return true
		}
	}
	return false
}

func (w *world) touch(s side, e *Entry) {
	if s == here {
		e.Facts.Ctime = w.tick()
	} else {
		w.version++
		e.Version = w.version
	}
}

func (w *world) fresh(s side, parent *Entry, name string, kind proto.Kind, content string) *Entry {
	e := &Entry{Name: name, Kind: kind, Mode: 0o644}
	if kind == proto.KindFolder {
		e.Mode = 0o755
	}
	if s == here {
		w.ino++
		e.Facts.Ino = w.ino
		if !w.unborn {
			e.Facts.Born = w.tick()
		}
		w.disk.Add(parent, e)
	} else {
		w.node++
		e.ID = w.node
		w.server.Add(parent, e)
	}
	w.fill(s, e, content)
	return e
}

func (w *world) fill(s side, e *Entry, content string) {
	e.Mtime = w.tick()
	if e.Kind != proto.KindFolder {
		e.Hash, e.Size = w.hash(content), int64(len(content))
	}
	e.Facts.Size, e.Facts.Mtime = e.Size, e.Mtime
	w.touch(s, e)
}

func (w *world) shape(t *Tree) string {
	var lines []string
	var walk func(*Entry)
	walk = func(f *Entry) {
		for _, c := range f.Children {
			switch c.Kind {
			case proto.KindFolder:
				lines = append(lines, c.Path()+"/")
			case proto.KindLink:
				lines = append(lines, c.Path()+"->"+w.contents[string(c.Hash[:])])
			default:
				lines = append(lines, c.Path()+"="+w.contents[string(c.Hash[:])])
			}
			walk(c)
		}
	}
	walk(t.Root)
	slices.Sort(lines)
	return strings.Join(lines, " ")
}

// scan copies a side's tree as the planner gets it.
func (w *world) scan(s side) (*Tree, map[*Entry]*Entry) {
	t := map[side]*Tree{here: w.disk, there: w.server}[s]
	real := map[*Entry]*Entry{}
	var clone func(*Tree, *Entry, *Entry)
	clone = func(to *Tree, parent, e *Entry) {
		for _, name := range slices.Sorted(maps.Keys(e.Children)) {
			c := e.Children[name]
			k := *c
			k.Children, k.Hashed = nil, s == there || c.Kind == proto.KindLink || c.Kind == KindSet
			if !k.Hashed {
				k.Hash = proto.Hash{}
			}
			real[&k] = c
			to.Add(parent, &k)
			if s == there || !c.Unknown && !c.Excluded {
				clone(to, &k, c)
			}
		}
	}
	root := *t.Root
	root.Children = nil
	real[&root] = t.Root
	to := NewTree(&root)
	clone(to, &root, t.Root)
	return to, real
}

func (w *world) agreed() *Tree {
	root := w.rows[1]
	if root == nil {
		root = &row{e: Entry{ID: 1, Kind: proto.KindFolder}}
	}
	e := root.e
	t := NewTree(&e)
	var add func(*Entry)
	kids := map[int64][]int64{}
	for id, r := range w.rows {
		if id != 1 {
			kids[r.parent] = append(kids[r.parent], id)
		}
	}
	count := 0
	add = func(parent *Entry) {
		slices.Sort(kids[parent.ID])
		for _, id := range kids[parent.ID] {
			e := w.rows[id].e
			t.Add(parent, &e)
			count++
			add(&e)
		}
	}
	add(t.Root)
	if rest := len(w.rows) - count; w.maimed {
		// What is remembered of things whose folder is not has no place: they are new.
		for id := range w.rows {
			if id != 1 && t.ByID[id] == nil {
				delete(w.rows, id)
			}
		}
	} else if rest > 1 || rest == 1 && w.rows[1] == nil {
		w.t.Fatalf("%d rows hang in the air\n%s", rest, w.told())
	}
	return t
}

// round plans and carries out; reads come first, as in the engine. It returns how many steps there were.
func (w *world) round() int {
	w.t.Helper()
	agreed := w.agreed()
	local, disk := w.scan(here)
	remote, server := w.scan(there)
	Match(agreed, local)
	o := Options{Device: "laptop", Date: "2026-11-22"}
	steps := Plan(agreed, local, remote, o)
	for range 2 {
		reads := 0
		for _, s := range steps {
			if s.Do == Read {
				s.Local.Hash, s.Local.Hashed = disk[s.Local].Hash, true
				reads++
			}
		}
		if reads == 0 {
			break
		}
		w.took = append(w.took, "files are read")
		steps = Plan(agreed, local, remote, o)
	}
	h := &hands{w: w, local: local, remote: remote, disk: disk, server: server}
	var rows map[int64]*row
	for i, s := range steps {
		if w.cut > 0 && i >= w.cut-w.forget && rows == nil {
			rows = map[int64]*row{}
			for id, r := range w.rows {
				k := *r
				rows[id] = &k
			}
		}
		if w.cut > 0 && i >= w.cut {
			w.rows, w.maimed = rows, true
			break
		}
		if s.Why == "" {
			w.t.Fatalf("%v of %q has no reason", s.Do, pathOf(s))
		}
		w.steps = append(w.steps, s.Do)
		text := describe(s)
		w.took = append(w.took, text+": "+s.Why)
		if err := h.carry(s); err != nil {
			w.refused = append(w.refused, fmt.Sprintf("%s: %v", text, err))
		}
	}
	return len(steps)
}

// plan makes a plan and carries nothing out.
func (w *world) plan() ([]Step, *Tree) {
	agreed := w.agreed()
	local, _ := w.scan(here)
	remote, _ := w.scan(there)
	Match(agreed, local)
	return Plan(agreed, local, remote, Options{Device: "laptop", Date: "2026-11-22"}), local
}

func pathOf(s Step) string {
	for _, e := range []*Entry{s.Local, s.Remote, s.Agreed} {
		if e != nil {
			return e.Path()
		}
	}
	return ""
}

func describe(s Step) string {
	out := fmt.Sprint(s.Do)
	for _, e := range []*Entry{s.Local, s.Remote} {
		if e == nil {
			out += " -"
		} else {
			out += " " + e.Path()
		}
	}
	if s.Name != "" {
		out += " as " + s.Name
	}
	return out
}

func (w *world) told() string {
	text := ""
	for _, s := range w.took {
		text += "  " + s + "\n"
	}
	return text
}

// sync goes on until nothing is left to do and both sides are the same. It tells in how many rounds something was done.
func (w *world) sync(most int) int {
	w.t.Helper()
	n := w.run(most)
	if l, r := w.shape(w.disk), w.shape(w.server); l != r {
		w.t.Fatalf("the sides differ\n%sdisk:   %s\nserver: %s", w.told(), l, r)
	}
	return n
}

// run goes on until nothing is left to do.
func (w *world) run(most int) int {
	w.t.Helper()
	w.took, w.steps, w.refused = nil, nil, nil
	l, r := w.shape(w.disk), w.shape(w.server)
	fail := func(format string, args ...any) {
		w.t.Helper()
		w.t.Fatalf("%s\ndisk:   %s\nserver: %s\n%sdisk:   %s\nserver: %s", fmt.Sprintf(format, args...), l, r, w.told(), w.shape(w.disk), w.shape(w.server))
	}
	n := 0
	for ; w.round() > 0; n++ {
		if len(w.refused) > 0 {
			fail("refused: %s", strings.Join(w.refused, "; "))
		}
		if n == most {
			fail("no end after %d rounds", most)
		}
	}
	return n
}

func TestWorld(t *testing.T) {
	w := newWorld(t)
	for _, c := range []string{"mkdir a", "put a/x 1", "link l a/x"} {
		w.do(here, c)
	}
	w.do(there, "mkdir b")
	w.sync(1)
	if got, want := w.shape(w.server), "a/ a/x=1 b/ l->a/x"; got != want {
		t.Fatalf("%s, not %s", got, want)
	}
}
