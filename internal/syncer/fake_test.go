package syncer

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"

	"sluice/internal/client"
	"sluice/internal/hash"
	"sluice/internal/proto"
)

// fake is a server in memory. Its hooks let a test be the disaster.
type fake struct {
	t  *testing.T
	mu sync.Mutex

	nodes    map[int64]*client.Entry
	names    map[nameKey]int64
	contents map[client.Hash][]byte
	version  int64
	epoch    int64
	server   string                           // another server, if not empty
	crowded  bool                             // others send contents too
	others   map[client.Hash]bool             // contents of other accounts, which can be proven
	history  map[int64]map[int64]client.Entry // nil: not kept; else the nodes at each journal number before this one

	puts, haves, commits, copies, fetched, lists, sinces int // requests and contents
	putBytes                                             int64

	beforePut    func()                                        // may change local files
	beforeCommit func(*client.CommitRequest)                   // may change the tree; called without the lock
	onGet        func(h client.Hash, b []byte) ([]byte, error) // may lie
	listed       func([]client.Entry) []client.Entry           // may lie
	quota        int64                                         // 0: none
	lost         error                                         // downloads come to their half and end so
	resumed      int                                           // downloads that found their file begun
}

const fakeRoot = 1

// nameKey is where a name stands.
type nameKey struct {
	parent int64
	name   string
}

func newFake(t *testing.T) *fake {
	return &fake{t: t, version: 1, contents: map[client.Hash][]byte{}, names: map[nameKey]int64{}, nodes: map[int64]*client.Entry{
		fakeRoot: {Node: fakeRoot, Kind: proto.KindFolder, Mode: 0o755, Version: 1},
	}}
}

func (f *fake) Hello() client.HelloReply { return client.HelloReply{Server: "fake" + f.server} }
func (f *fake) Connections() int         { return 3 }

func (f *fake) used() (n int64) {
	for _, b := range f.contents {
		n += int64(len(b))
	}
	return n
}

func (f *fake) Quota(context.Context) (*client.QuotaReply, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &client.QuotaReply{Used: f.used() + int64(len(f.nodes)-1), Limit: f.quota}, nil
}

func (f *fake) Have(_ context.Context, hashes []client.Hash) (client.Bitmap, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.haves++
	m := proto.NewBitmap(len(hashes))
	for i, h := range hashes {
		if _, ok := f.contents[h]; ok {
			m.Set(i)
		}
	}
	return m, nil
}

func (f *fake) Spare(ctx context.Context, objects []client.Object, content func(i int) io.ReaderAt, how client.Sparing) (client.Bitmap, error) {
	var hashes []client.Hash
	for _, o := range objects {
		hashes = append(hashes, o.Hash)
	}
	held, waited := proto.NewBitmap(len(objects)), false
	if !how.Nothing {
		held, _ = f.Have(ctx, hashes)
	}
	for i, o := range objects {
		if o.Size < client.LeastProof || held.Get(i) || !f.others[o.Hash] {
			continue
		}
		if !waited {
			waited = true
			how.Waits()
		}
		b := make([]byte, o.Size)
		if _, err := content(i).ReadAt(b, 0); err != nil {
			return nil, err
		}
		if client.Hash(hash.Sum(b)) != o.Hash {
			f.t.Errorf("object %d is proven with other bytes", i)
		}
		held.Set(i)
		f.mu.Lock()
		f.contents[o.Hash] = b
		f.mu.Unlock()
	}
	return held, nil
}

func (f *fake) PutObjects(ctx context.Context, objects []client.Object, bodies [][]byte) ([]client.EntryError, error) {
	if f.beforePut != nil {
		f.beforePut()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.puts++
	if len(objects) == 0 || len(objects) > client.MaxBatch || len(objects) != len(bodies) {
		f.t.Errorf("put-objects of %d objects and %d bodies", len(objects), len(bodies))
	}
	var total int64
	for i, o := range objects {
		if int64(len(bodies[i])) != o.Size || client.Hash(hash.Sum(bodies[i])) != o.Hash {
			f.t.Errorf("object %d is not what its hash says", i)
		}
		if _, ok := f.contents[o.Hash]; ok && !f.crowded {
			f.t.Errorf("object %d was sent twice", i)
		}
		f.contents[o.Hash] = slices.Clone(bodies[i])
		total += o.Size
	}
	if total > client.MaxObjectsBody {
		f.t.Errorf("put-objects of %d bytes", total)
	}
	f.putBytes += total
	if f.quota > 0 && f.used() > f.quota {
		return nil, client.NewError("put-objects", client.OverQuota, "quota")
	}
	return nil, nil
}

func (f *fake) child(parent int64, name string) *client.Entry {
	return f.nodes[f.names[nameKey{parent, name}]]
}

// add keeps a node.
func (f *fake) add(e *client.Entry) {
	f.nodes[e.Node] = e
	f.names[nameKey{e.Parent, e.Name}] = e.Node
}

func (f *fake) Commit(ctx context.Context, c *client.CommitRequest) (*client.CommitReply, error) {
	if f.beforeCommit != nil {
		f.beforeCommit(c)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.commits++
	if len(c.Changes) == 0 || len(c.Changes) > client.MaxBatch || len(c.Append(nil)) > proto.MaxHeaderBatch {
		f.t.Errorf("commit of %d changes, %d bytes", len(c.Changes), len(c.Append(nil)))
	}
	if c.Journal != 0 && c.Journal != f.version {
		return nil, client.NewError("commit", client.Conflict, "the journal stands elsewhere")
	}
	nodes, names := map[int64]client.Entry{}, maps.Clone(f.names)
	for id, n := range f.nodes {
		nodes[id] = *n
	}
	reply := &client.CommitReply{}
	for _, ch := range c.Changes {
		done := f.apply(&ch, reply.Entries)
		if c.All && done.Code != client.OK {
			clear(f.nodes)
			for id, n := range nodes {
				f.nodes[id] = &n
			}
			f.names = names
			return nil, client.NewError("commit", done.Code, "undone")
		}
		reply.Entries = append(reply.Entries, done)
	}
	reply.Journal = f.version
	return reply, nil
}

// number gives the next journal number. With history, the tree before it is kept.
func (f *fake) number() int64 {
	f.remember()
	f.version++
	return f.version
}

// remember keeps the tree at the journal number it has now.
func (f *fake) remember() {
	if f.history == nil {
		return
	}
	all := make(map[int64]client.Entry, len(f.nodes))
	for id, n := range f.nodes {
		all[id] = *n
	}
	f.history[f.version] = all
}

func (f *fake) apply(ch *client.Change, before []client.Changed) client.Changed {
	refuse := func(code client.Code) client.Changed { return client.Changed{Code: code} }
	done := func(n *client.Entry) client.Changed { return client.Changed{Node: n.Node, Version: n.Version} }
	meta := func(n *client.Entry) client.Changed {
		if n.Mode != ch.Mode || n.Mtime != ch.Mtime {
			version := f.number()
			n.Mode, n.Mtime, n.Version = ch.Mode, ch.Mtime, version
		}
		return done(n)
	}
	switch ch.Op {
	case client.OpPut, client.OpMkdir:
		parent := ch.Parent.Node
		if parent == 0 {
			parent = before[ch.Parent.Entry].Node
		}
		if p := f.nodes[parent]; p == nil || p.Kind != proto.KindFolder {
			return refuse(client.NotFound)
		}
		old := f.child(parent, ch.Name)
		kind, folder := ch.Kind, false
		if ch.Op == client.OpMkdir {
			kind, folder = proto.KindFolder, true
		}
		same := old != nil && old.Kind == kind && (folder || old.Hash == ch.Hash && old.Size == ch.Size)
		switch {
		case same && old.Mode == ch.Mode && old.Mtime == ch.Mtime:
			return done(old)
		case old == nil && ch.Expect > 0:
			return refuse(client.Conflict)
		case old != nil && ch.Expect == 0:
			return refuse(client.Exists)
		case old != nil && ch.Expect > 0 && old.Version != ch.Expect:
			return refuse(client.Conflict)
		case old != nil && folder && old.Kind != proto.KindFolder:
			return refuse(client.NotFolder)
		case old != nil && !folder && old.Kind == proto.KindFolder:
			return refuse(client.IsFolder)
		case same:
			return meta(old)
		}
		e := client.Entry{Parent: parent, Name: ch.Name, Kind: kind, Mode: ch.Mode, Mtime: ch.Mtime}
		if !folder {
			if _, ok := f.contents[ch.Hash]; !ok {
				return refuse(client.NotUploaded)
			}
			e.Size, e.Hash = ch.Size, ch.Hash
		}
		e.Version = f.number()
		e.Node = f.version + 1000
		if old != nil {
			e.Node = old.Node
		}
		f.add(&e)
		return done(&e)
	}
	n := f.nodes[ch.Node]
	if n == nil {
		return refuse(client.NotFound)
	}
	if ch.Op == client.OpCopy {
		parent := ch.Parent.Node
		if parent == 0 {
			parent = before[ch.Parent.Entry].Node
		}
		switch p := f.nodes[parent]; {
		case p == nil || p.Kind != proto.KindFolder:
			return refuse(client.NotFound)
		case f.child(parent, ch.Name) != nil:
			return refuse(client.Exists)
		}
		f.copies++
		return done(f.copy(n, parent, ch.Name))
	}
	if ch.Expect != client.ExpectAny && ch.Expect != n.Version {
		return refuse(client.Conflict)
	}
	if ch.Op == client.OpSet {
		return meta(n)
	}
	version := f.number()
	f.drop(n.Node)
	return client.Changed{Node: ch.Node, Version: version}
}

// copy copies a node with all below it.
func (f *fake) copy(n *client.Entry, parent int64, name string) *client.Entry {
	var below []*client.Entry
	for _, c := range f.nodes {
		if c.Parent == n.Node {
			below = append(below, c)
		}
	}
	e := *n
	e.Parent, e.Name, e.Version = parent, name, f.number()
	e.Node = f.version + 1000
	f.add(&e)
	for _, c := range below {
		f.copy(c, e.Node, c.Name)
	}
	return &e
}

func (f *fake) drop(node int64) {
	delete(f.names, nameKey{f.nodes[node].Parent, f.nodes[node].Name})
	delete(f.nodes, node)
	for id, n := range f.nodes {
		if n.Parent == node {
			f.drop(id)
		}
	}
}

func (f *fake) Stat(_ context.Context, node int64, path []string) (*client.StatReply, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if node == 0 {
		node = fakeRoot
	}
	at := f.nodes[node]
	if at == nil {
		return nil, client.NewError("stat", client.NotFound, "not found")
	}
	reply := &client.StatReply{Epoch: f.epoch, Journal: f.version, Entries: []client.Entry{*at}}
	for _, name := range path {
		if at = f.child(at.Node, name); at == nil {
			break
		}
		reply.Entries = append(reply.Entries, *at)
	}
	return reply, nil
}

func (f *fake) ListAll(_ context.Context, node int64) (*client.Listing, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	below := map[int64][]*client.Entry{}
	for _, n := range f.nodes {
		below[n.Parent] = append(below[n.Parent], n)
	}
	var list []client.Entry
	for todo := []int64{node}; len(todo) > 0; todo = todo[1:] {
		for _, n := range below[todo[0]] {
			list = append(list, *n)
			todo = append(todo, n.Node)
		}
	}
	if f.listed != nil {
		list = f.listed(list)
	}
	f.lists++
	return &client.Listing{Epoch: f.epoch, Journal: f.version, Entries: list}, nil
}

// ListSince lists all, unless a test gives the fake a way to tell changes.
func (f *fake) ListSince(ctx context.Context, node int64, old *client.Listing) (*client.Listing, error) {
	f.mu.Lock()
	f.sinces++
	f.mu.Unlock()
	return f.ListAll(ctx, node)
}

func (f *fake) GetObjects(_ context.Context, hashes []client.Hash, buf []byte) ([]client.Got, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var got []client.Got
	total := 0
	for _, h := range hashes {
		b, ok := f.contents[h]
		if f.onGet != nil {
			var err error
			if b, err = f.onGet(h, b); err != nil {
				return nil, err
			}
		}
		if !ok {
			got = append(got, client.Got{Code: client.NotFound})
			continue
		}
		if total += len(b); total > client.MaxObjectsBody || len(got) > 50 { // a prefix is enough
			break
		}
		f.fetched++
		got = append(got, client.Got{Size: int64(len(b)), Data: b})
	}
	return got, nil
}

func (f *fake) Upload(ctx context.Context, file *os.File, size int64, opt client.UploadOptions) (client.Uploaded, error) {
	if f.beforePut != nil {
		f.beforePut()
	}
	if size <= client.MaxObjectsBody {
		f.t.Errorf("upload of %d bytes", size)
	}
	b, err := io.ReadAll(io.NewSectionReader(file, 0, size))
	if err != nil {
		return client.Uploaded{}, err
	}
	if int64(len(b)) != size {
		return client.Uploaded{}, client.ErrChanged
	}
	opt.Progress(size)
	h := client.Hash(hash.Sum(b))
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.contents[h]; there { // its probe tells
		return client.Uploaded{Hash: h, Instant: true}, ctx.Err()
	}
	f.contents[h] = b
	f.putBytes += size
	return client.Uploaded{Hash: h, Sent: size}, ctx.Err()
}

func (f *fake) Download(_ context.Context, h client.Hash, size int64, file *os.File, opt client.DownloadOptions) (client.Downloaded, error) {
	f.mu.Lock()
	b, ok := f.contents[h]
	f.fetched++
	f.mu.Unlock()
	if !ok {
		return client.Downloaded{}, client.NewError("get", client.NotFound, "not found")
	}
	if int64(len(b)) != size {
		return client.Downloaded{}, errors.New("another size")
	}
	if st, err := file.Stat(); err == nil && st.Size() > 0 && opt.Resume {
		f.resumed++
	}
	if f.lost != nil {
		_, err := file.WriteAt(b[:size/2], 0)
		return client.Downloaded{}, errors.Join(f.lost, err)
	}
	opt.Progress(size)
	_, err := file.WriteAt(b, 0)
	return client.Downloaded{}, err
}

// put puts a file on the server behind the syncer's back.
func (f *fake) put(parent int64, name string, content string, mtime int64) *client.Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.number()
	h := client.Hash(hash.Sum([]byte(content)))
	f.contents[h] = []byte(content)
	e := &client.Entry{Node: f.version + 1000, Parent: parent, Name: name, Kind: proto.KindFile, Size: int64(len(content)), Hash: h,
		Mode: 0o644, Mtime: mtime, Version: f.version}
	if old := f.child(parent, name); old != nil {
		e.Node = old.Node
	}
	f.add(e)
	return e
}

// at finds an entry by its path.
func (f *fake) at(path ...string) *client.Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.nodes[fakeRoot]
	for _, name := range path {
		if at = f.child(at.Node, name); at == nil {
			return nil
		}
	}
	return at
}
