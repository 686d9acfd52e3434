package mirror

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/proto"
	"sluice/internal/reconcile"
	"sluice/internal/state"
)

// many is a tree of 1,000 folders with 100 files each, the same here and on the server. Only what Run and Round ask of it is
// there, so that what is measured is what they cost.
type many struct {
	folders, files int
	edits          map[string]int64 // files that were written, and when
	commits        int64
}

func (s *many) folder(i int) string { return fmt.Sprintf("folder-%04d", i) }

func (s *many) file(i int) string { return fmt.Sprintf("some file with a name-%03d.txt", i) }

func content(folder, file int, edit int64) (h proto.Hash) {
	binary.LittleEndian.PutUint64(h[:], uint64(folder))
	binary.LittleEndian.PutUint64(h[8:], uint64(file))
	binary.LittleEndian.PutUint64(h[16:], uint64(edit))
	return h
}

func (s *many) fill(t *reconcile.Tree, i int) {
	ino := uint64(10 + i*1000)
	f := &reconcile.Entry{Name: s.folder(i), Kind: proto.KindFolder, Mode: 0o755, Facts: reconcile.Facts{Ino: ino, Born: 1}}
	t.Add(t.Root, f)
	for k := range s.files {
		edit := s.edits[s.folder(i)+"/"+s.file(k)]
		facts := reconcile.Facts{Size: 100, Mtime: 1 + edit, Ctime: 1 + edit, Ino: ino + uint64(k) + 1, Born: 1}
		t.Add(f, &reconcile.Entry{Name: s.file(k), Kind: proto.KindFile, Mode: 0o644, Size: 100, Mtime: 1 + edit, Facts: facts})
	}
}

func (s *many) Scan(_ context.Context, parts []Part) (*reconcile.Tree, []Problem, error) {
	root := &reconcile.Entry{Kind: proto.KindFolder, Facts: reconcile.Facts{Ino: 1, Born: 1}, Part: parts != nil}
	t := reconcile.NewTree(root)
	for i := range s.folders {
		wanted := parts == nil
		for _, p := range parts {
			wanted = wanted || p.Path == s.folder(i)
		}
		if wanted {
			s.fill(t, i)
		}
	}
	return t, nil, nil
}

func (s *many) Ignored(string, bool) bool { return false }

func (s *many) Hash(_ context.Context, e *reconcile.Entry) error {
	ino := int(e.Parent.Facts.Ino)
	e.Hash, e.Hashed = content((ino-10)/1000, int(e.Facts.Ino)-ino-1, e.Mtime-1), true
	return nil
}

func (s *many) Mkdir(string, uint32) (reconcile.Facts, error) { return reconcile.Facts{}, unix.EPERM }

func (s *many) Move(_, _ string, _ *reconcile.Entry) (reconcile.Facts, error) {
	return reconcile.Facts{}, unix.EPERM
}

func (s *many) Set(string, *reconcile.Entry, uint32, int64) (reconcile.Facts, error) {
	return reconcile.Facts{}, unix.EPERM
}

func (s *many) Delete(string, *reconcile.Entry) error { return unix.EPERM }

func (s *many) Sync() error { return nil }

func (s *many) Check() error { return nil }

func (s *many) Marker() (Marker, error) { return Marker{1, 1, "m"}, nil }

func (s *many) SetMark(string) error { return nil }

func (s *many) Send(ctx context.Context, list []*reconcile.Entry, each func([]Sent) error) error {
	var done []Sent
	for _, e := range list {
		if err := s.Hash(ctx, e); err != nil {
			return err
		}
		done = append(done, Sent{Local: e})
	}
	return each(done)
}

func (s *many) Fetch(context.Context, []Wanted, func([]Fetched) error) error { return unix.EPERM }

func (s *many) Hello() client.HelloReply {
	return client.HelloReply{Server: "s", Root: 1, Epoch: 1, Journal: s.journal()}
}

func (s *many) journal() int64 { return 1_000_000 + s.commits }

func (s *many) Commit(_ context.Context, c *client.CommitRequest) (*client.CommitReply, error) {
	reply := &client.CommitReply{}
	for _, change := range c.Changes {
		s.commits++
		reply.Entries = append(reply.Entries, client.Changed{Code: client.OK, Node: s.node(change.Parent.Node, change.Name), Version: s.journal()})
	}
	reply.Journal = s.journal()
	return reply, nil
}

func (s *many) node(folder int64, name string) int64 {
	for k := range s.files {
		if s.file(k) == name {
			return folder + int64(k) + 1
		}
	}
	return 0
}

func (s *many) Stat(context.Context, int64, []string) (*client.StatReply, error) {
	root, docs := client.Entry{Node: 1, Kind: client.KindFolder}, client.Entry{Node: 2, Parent: 1, Name: "docs", Kind: client.KindFolder}
	return &client.StatReply{Epoch: 1, Journal: s.journal(), Entries: []client.Entry{root, docs}}, nil
}

func (s *many) ListAll(context.Context, int64) (*client.Listing, error) {
	list := &client.Listing{Epoch: 1, Journal: s.journal()}
	for i := range s.folders {
		node := int64(10 + i*1000)
		list.Entries = append(list.Entries, client.Entry{Node: node, Parent: 2, Name: s.folder(i), Kind: client.KindFolder, Mode: 0o755, Version: node})
		for k := range s.files {
			id := node + int64(k) + 1
			list.Entries = append(list.Entries, client.Entry{
				Node: id, Parent: node, Name: s.file(k), Kind: client.KindFile, Hash: content(i, k, 0), Size: 100, Mode: 0o644, Mtime: 1, Version: id,
			})
		}
	}
	return list, nil
}

func (s *many) Changes(context.Context, client.ChangesRequest) (*client.ChangesReply, error) {
	return &client.ChangesReply{Epoch: 1, Journal: s.journal()}, nil
}

// processor is the time this process has spent.
func processor(t *testing.T) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// One changed file among 100,000 costs what its folder holds, and a look at all leaves nothing in memory.
func TestOneOfManyIsCheap(t *testing.T) {
	st, err := state.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	real, err := st.Sync(&state.SyncRoot{Server: "s", Path: "docs", Dir: "/d", Device: "laptop"})
	if err != nil {
		t.Fatal(err)
	}
	s := &many{folders: 1000, files: 100, edits: make(map[string]int64)}
	m, err := Open(Config{Folder: s, Contents: s, Server: s, State: real})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	start := processor(t)
	if _, err := m.Run(ctx); err != nil {
		t.Fatal(err)
	}
	first := processor(t) - start
	start = processor(t)
	result, err := m.Run(ctx)
	if err != nil || result.Rounds != 1 {
		t.Fatalf("%d rounds, %v", result.Rounds, err)
	}
	second := processor(t) - start
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	debug.FreeOSMemory()
	heap := mem.HeapSys - mem.HeapReleased
	runtime.ReadMemStats(&mem)
	t.Logf("a first run takes %s, the next one %s; heap %d KiB, %d after a collection (%d in use)", first, second, heap>>10, (mem.HeapSys-mem.HeapReleased)>>10, mem.HeapAlloc>>10)
	if mem.HeapAlloc > 8<<20 {
		t.Errorf("%d bytes are kept", mem.HeapAlloc)
	}
	const rounds = 50
	start = processor(t)
	for i := range rounds {
		s.edits[s.folder(i*7)+"/"+s.file(i)] = int64(i + 1)
		result, err := m.Round(ctx, []Part{{Path: s.folder(i * 7)}})
		if err != nil || result.Sent != 1 || result.Rounds != 1 {
			t.Fatalf("%+v, %v", result, err)
		}
	}
	cost := (processor(t) - start) / rounds
	t.Logf("a round for one changed file: %s", cost)
	if cost*50 > second { // it was 1/30 as long as an index was not used, and is 1/180
		t.Errorf("a round for one changed file takes %s, a look at all of them %s", cost, second)
	}
}

func (s *many) DeleteSet(context.Context, string, *reconcile.Entry) error { panic("there are no sets") }

func (s *many) FetchSet(context.Context, WantedSet) (*reconcile.Entry, error) {
	panic("there are no sets")
}

// asked counts what is read of single nodes.
type asked struct {
	Memory
	count int
}

func (a *asked) Node(id int64) (state.SyncNode, bool, error) {
	a.count++
	return a.Memory.Node(id)
}

func (a *asked) NewsOf(id int64) (state.SyncNews, bool, error) {
	a.count++
	return a.Memory.NewsOf(id)
}

// What the journal tells of our own commits is known from their answers: it is not asked where nobody else has changed anything,
// and what it tells of them is not looked up where somebody has.
func TestOwnCommitsAreKnown(t *testing.T) {
	w := calm(t, 2)
	a, b := w.devices[0], w.devices[1]
	counts := &asked{Memory: a.memory}
	a.kept = counts
	a.disk.put("d/", "")
	for i := range 20 {
		a.disk.put(fmt.Sprintf("d/%02d", i), "1")
	}
	committed, changes := false, 0
	w.during = func(what string) {
		committed = committed || what == "commit"
		if what == "changes" && committed {
			changes++
		}
	}
	runs(t, w, 0, 0)
	if changes > 0 || counts.count > 0 {
		t.Errorf("the journal is asked %d times and %d rows are read, though nobody else has changed anything", changes, counts.count)
	}
	if root, err := a.memory.Root(); err != nil || root.Journal != w.server.journal || root.Synced != root.Journal {
		t.Errorf("it is in sync as of %d, followed up to %d of %d; %v", root.Synced, root.Journal, w.server.journal, err)
	}
	w.during = func(what string) {
		if what == "commit" {
			w.during = nil
			b.disk.put("other", "2")
			runs(t, w, 0, 1)
		}
	}
	a.disk.put("d/00", "3")
	a.disk.put("d/01", "3")
	runs(t, w, 0, 0)
	if counts.count == 0 || counts.count > 10 {
		t.Errorf("%d rows are read to find out about another device's change", counts.count)
	}
	want(t, "here", a.disk.names(), w.server.names())
}

// Commits that only name contents are on their way together and arrive in any order: they are still known for all there is to
// read. What makes a folder, or changes a name, is on its way alone.
func TestCommitsInAnyOrder(t *testing.T) {
	w := calm(t, 1)
	d := w.devices[0]
	w.batch = 5
	most, commits, changes := 0, 0, 0
	var waiting []func()
	w.late = func(do func()) func() {
		done := false
		waiting = append(waiting, func() {
			if !done {
				done = true
				do()
			}
		})
		return func() { // the last one sent off arrives first
			before := commits
			for len(waiting) > 0 {
				waiting[len(waiting)-1]()
				waiting = waiting[:len(waiting)-1]
			}
			most = max(most, commits-before)
		}
	}
	w.during = func(what string) {
		switch what {
		case "commit":
			commits++
		case "changes":
			changes++
		}
	}
	for i := range 60 {
		d.disk.put(fmt.Sprintf("%02d", i), "1")
	}
	runs(t, w, 0, 0)
	if most != maxFlying || changes > 1 {
		t.Errorf("%d commits are on their way at once, and the journal is asked %d times", most, changes)
	}
	want(t, "there", w.server.names(), d.disk.names())
	if root, err := d.memory.Root(); err != nil || root.Journal != w.server.journal || root.Synced != root.Journal {
		t.Errorf("it is in sync as of %d, followed up to %d of %d; %v", root.Synced, root.Journal, w.server.journal, err)
	}
	most = 0
	for i := range 60 {
		d.disk.put(fmt.Sprintf("%02d", i), "2")
	}
	runs(t, w, 0, 0)
	if most != 1 {
		t.Errorf("%d commits that replace contents are on their way at once", most)
	}
	want(t, "there", w.server.names(), d.disk.names())
}

// Of a folder that was looked at only what differs is planned, though another file may be a name of what stands there.
func TestPartsLeaveOutWhatIsAlike(t *testing.T) {
	w := calm(t, 1)
	d := w.devices[0]
	d.disk.put("d/", "")
	d.disk.put("d/e/", "")
	for i := range 20 {
		d.disk.put(fmt.Sprintf("d/e/%02d", i), "1")
	}
	runs(t, w, 0, 0)
	d.disk.put("d/e/07", "2")
	r, _, err := d.mirror.lookAt(t.Context(), []Part{{Path: "d/e"}})
	if err != nil || len(r.steps) != 1 || len(r.agreed.ByID) != 4 || len(r.local.ByID) != 4 || len(r.remote.ByID) != 4 {
		t.Fatalf("%d steps, %d, %d and %d nodes, %v", len(r.steps), len(r.agreed.ByID), len(r.local.ByID), len(r.remote.ByID), err)
	}
	folder := d.disk.root.kids["d"].kids["e"]
	folder.kids["link"] = folder.kids["11"]
	if r, _, err = d.mirror.lookAt(t.Context(), []Part{{Path: "d/e"}}); err != nil || len(r.agreed.ByID) != 5 || r.local.ByID[r.agreed.Root.Children["d"].Children["e"].Children["11"].ID].Name != "11" {
		t.Fatalf("%d nodes, %v", len(r.agreed.ByID), err)
	}
	runs(t, w, 0, 0)
	want(t, "there", w.server.names(), d.disk.names())
}

// Of a name that was changed nothing beside it is read, unless it is not what it was agreed to be.
func TestNamesAreLookedAtAlone(t *testing.T) {
	w := calm(t, 2)
	a, b := w.devices[0], w.devices[1]
	a.disk.put("d/", "")
	for i := range 20 {
		a.disk.put(fmt.Sprintf("d/%02d", i), "1")
	}
	runs(t, w, 0, 0, 1)
	round := func(d *simDevice, scanned, rounds int, parts ...Part) *Result {
		t.Helper()
		before := d.disk.scanned
		result, err := d.mirror.Round(t.Context(), parts)
		if err != nil || result.ExitCode() != 0 || result.Rounds != rounds || d.disk.scanned != scanned {
			t.Errorf("%d names were read after %d, in %d rounds; want %d, %d; %v", d.disk.scanned, before, result.Rounds, scanned, rounds, err)
		}
		return result
	}
	a.disk.put("d/07", "2")
	if r := round(a, 2, 1, Part{Path: "d/07", Name: true}); r.Sent != 1 {
		t.Errorf("%+v", r)
	}
	if r := round(b, 2, 1); r.Fetched != 1 {
		t.Errorf("%+v", r)
	}
	round(b, 2, 1, Part{Path: "d/07", Name: true})
	a.disk.put("d/new", "3")
	if r := round(a, 22, 1, Part{Path: "d/new", Name: true}); r.Sent != 1 {
		t.Errorf("%+v", r)
	}
	a.disk.remove("d/03")
	if r := round(a, 21, 1, Part{Path: "d/03", Name: true}); r.Deleted != 1 {
		t.Errorf("%+v", r)
	}
	runs(t, w, 0, 1)
	want(t, "the other device", b.disk.names(), a.disk.names())
	want(t, "there", w.server.names(), a.disk.names())
}
