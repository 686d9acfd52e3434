package handler

import (
	"context"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/hash"
	"sluice/internal/proto"
	"sluice/internal/store"
)

// rig is a service on a real store in a temporary folder, and peers that ask it without a socket.
type rig struct {
	t       *testing.T
	service *Service
	store   *store.Store
	changes atomic.Uint64
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t}
	data := t.TempDir()
	if err := store.StartUp(data, func(string) {}); err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(store.Config{Data: data, OnCommit: func() { r.changes.Add(1) }, Changes: r.changes.Load})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	r.store, r.service = st, New(st, Options{Agent: "test", Changes: r.changes.Load})
	return r
}

// login makes an account and a logged-in peer of it.
func (r *rig) login(user string) *Peer {
	r.t.Helper()
	if err := r.store.UserAdd(user, "password", 0, ""); err != nil {
		r.t.Fatal(err)
	}
	p := NewPeer("test")
	r.good(r.ask(p, proto.TypeLogin, &proto.Login{User: user, Password: "password", Device: "d"}, nil))
	return p
}

// ask carries a request through Begin, the body and Finish as a connection would, and answers its outcome.
func (r *rig) ask(p *Peer, kind proto.Type, h proto.Header, body []byte) Outcome {
	r.t.Helper()
	row := r.service.Row(kind)
	c := &Call{Context: context.Background(), Peer: p, Type: kind, Raw: h.Append(nil), BodyLen: int64(len(body))}
	var err error
	if c.Header, err = proto.Lookup(kind).Parse(c.Raw); err != nil {
		r.t.Fatalf("type %d: %v", kind, err)
	}
	out := row.Begin(r.service, c)
	receive, ok := out.(Receive)
	if !ok {
		return out
	}
	switch {
	case receive.Discard:
	case receive.Into == nil:
		c.Body = body
	default:
		for _, piece := range receive.Into {
			if _, err := unix.Pwrite(piece.FD, body[:piece.Length], piece.Offset); err != nil {
				r.t.Fatal(err)
			}
			body = body[piece.Length:]
		}
	}
	return row.Finish(r.service, c)
}

// good expects a reply without an error and answers its header and body.
func (r *rig) good(out Outcome) (header, body []byte) {
	r.t.Helper()
	reply, ok := out.(Reply)
	if !ok {
		r.t.Fatalf("outcome %T, want Reply", out)
	}
	if reply.Err != nil {
		r.t.Fatalf("%v (%v)", reply.Err, reply.Cause)
	}
	return reply.Header, r.body(reply)
}

// body collects a reply's parts and releases them as a connection would.
func (r *rig) body(reply Reply) []byte {
	r.t.Helper()
	var body []byte
	for _, part := range reply.Parts {
		if part.Source == nil {
			body = append(body, part.Bytes...)
			continue
		}
		b := make([]byte, part.Length)
		if n, err := unix.Pread(part.Source.FD(), b, part.Offset); err != nil || int64(n) != part.Length {
			r.t.Fatalf("read a source: %d bytes of %d, %v", n, part.Length, err)
		}
		body = append(body, b...)
		part.Source.Release()
	}
	return body
}

// code expects an error.
func (r *rig) code(out Outcome, want proto.Code) {
	r.t.Helper()
	reply, ok := out.(Reply)
	if !ok || reply.Err == nil {
		r.t.Fatalf("outcome %+v, want %v", out, want)
	}
	if reply.Err.Code != want {
		r.t.Fatalf("code %v (%v), want %v", reply.Err.Code, reply.Err, want)
	}
}

// put uploads contents and names them in the peer's root.
func (r *rig) put(p *Peer, names map[string][]byte) {
	r.t.Helper()
	var objects []proto.Object
	var body []byte
	commit := &proto.Commit{Key: proto.Key{byte(r.changes.Load()), 9}}
	for name, b := range names {
		sum := proto.Hash(hash.Sum(b))
		objects = append(objects, proto.Object{Hash: sum, Size: int64(len(b))})
		body = append(body, b...)
		commit.Changes = append(commit.Changes, proto.Change{Op: proto.OpPut, Parent: proto.Place{Node: p.Who.Root}, Name: name,
			Kind: proto.KindFile, Hash: sum, Size: int64(len(b)), Mode: 0o644, Expect: proto.ExpectAny})
	}
	r.good(r.ask(p, proto.TypePutObjects, &proto.PutObjects{Objects: objects}, body))
	raw, _ := r.good(r.ask(p, proto.TypeCommit, commit, nil))
	reply, err := proto.ParseCommitReply(raw)
	if err != nil {
		r.t.Fatal(err)
	}
	for i, e := range reply.Entries {
		if e.Code != proto.OK {
			r.t.Fatalf("entry %d: %v %s", i, e.Code, e.Message)
		}
	}
}

func pattern(seed byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = seed + byte(i*7) + byte(i>>8)
	}
	return b
}

func TestPutCommitGet(t *testing.T) {
	r := newRig(t)
	p := r.login("ann")
	bodies := map[string][]byte{"empty": {}, "one": {1}, "small": pattern(1, 4096), "border": pattern(2, 128<<10), "middle": pattern(3, 300<<10)}
	r.put(p, bodies)
	for name, b := range bodies {
		sum := proto.Hash(hash.Sum(b))
		_, got := r.good(r.ask(p, proto.TypeGet, &proto.Get{Hash: sum, Length: -1}, nil))
		if string(got) != string(b) {
			t.Errorf("%s: %d bytes differ from %d", name, len(got), len(b))
		}
		_, got = r.good(r.ask(p, proto.TypeGet, &proto.Get{Hash: sum, Offset: 1, Length: 10}, nil))
		if want := b[min(1, len(b)):min(11, len(b))]; string(got) != string(want) {
			t.Errorf("%s: range %q, want %q", name, got, want)
		}
		quick, ok := quickGet(r.service, &Call{Peer: p, Header: &proto.Get{Hash: sum, Length: -1}})
		if ok != (len(b) <= MemoryBody) {
			t.Errorf("%s: quick is %v", name, ok)
		}
		if ok {
			if _, got := r.good(quick); string(got) != string(b) {
				t.Errorf("%s: quick answers %d bytes that differ", name, len(got))
			}
		}
	}
	raw, _ := r.good(r.ask(p, proto.TypeList, &proto.List{}, nil))
	list, err := proto.ParseListReply(raw)
	if err != nil || len(list.Entries) != len(bodies) {
		t.Fatalf("list: %d entries, %v", len(list.Entries), err)
	}
	var hashes []proto.Hash
	var all []byte
	for _, b := range bodies {
		hashes = append(hashes, proto.Hash(hash.Sum(b)))
		all = append(all, b...)
	}
	hashes = append(hashes, proto.Hash{1})
	raw, got := r.good(r.ask(p, proto.TypeGetObjects, &proto.GetObjects{Hashes: hashes}, nil))
	objects, err := proto.ParseGetObjectsReply(raw)
	if err != nil || len(objects.Objects) != len(hashes) {
		t.Fatalf("get-objects: %v, %v", objects, err)
	}
	if string(got) != string(all) {
		t.Errorf("get-objects: the bodies differ")
	}
	if c := objects.Objects[len(hashes)-1].Code; c != proto.NotFound {
		t.Errorf("an unknown content: %v, want not-found", c)
	}
}

// Whoever knows a hash of another account's content learns and gets nothing.
func TestHashIsNotAKey(t *testing.T) {
	r := newRig(t)
	ann, bob := r.login("ann"), r.login("bob")
	secret := pattern(5, 10000)
	r.put(ann, map[string][]byte{"secret": secret})
	sum := proto.Hash(hash.Sum(secret))
	r.code(r.ask(bob, proto.TypeGet, &proto.Get{Hash: sum, Length: -1}, nil), proto.NotFound)
	r.code(r.ask(bob, proto.TypeGet, &proto.Get{Hash: proto.Hash{7}, Length: -1}, nil), proto.NotFound)
	if _, ok := quickGet(r.service, &Call{Peer: bob, Header: &proto.Get{Hash: sum, Length: -1}}); ok {
		t.Error("a quick get answers a content of another account")
	}
	raw, _ := r.good(r.ask(bob, proto.TypeHave, &proto.Have{Hashes: []proto.Hash{sum, {7}}}, nil))
	have, err := proto.ParseHaveReply(raw)
	if err != nil || have.Held.Get(0) || have.Held.Get(1) {
		t.Errorf("have: %x, %v", have.Held, err)
	}
	commit := &proto.Commit{Key: proto.Key{3}, Changes: []proto.Change{{Op: proto.OpPut, Parent: proto.Place{Node: bob.Who.Root},
		Name: "stolen", Kind: proto.KindFile, Hash: sum, Size: int64(len(secret)), Mode: 0o644, Expect: proto.ExpectAny}}}
	raw, _ = r.good(r.ask(bob, proto.TypeCommit, commit, nil))
	if reply, err := proto.ParseCommitReply(raw); err != nil || reply.Entries[0].Code != proto.NotUploaded {
		t.Errorf("commit of another account's content: %+v, %v", reply, err)
	}
	// Ann's names and namespace are not there for bob.
	r.code(r.ask(bob, proto.TypeList, &proto.List{Node: ann.Who.Root}, nil), proto.NotFound)
	r.code(r.ask(bob, proto.TypeStat, &proto.Stat{Namespace: ann.Who.Namespace}, nil), proto.NotFound)
	r.code(r.ask(bob, proto.TypeChanges, &proto.Changes{Namespace: ann.Who.Namespace}, nil), proto.NotFound)
}

func TestRevokedDeviceIsShutOut(t *testing.T) {
	r := newRig(t)
	p := r.login("ann")
	r.good(r.ask(p, proto.TypeQuota, &proto.Quota{}, nil))
	r.good(r.ask(p, proto.TypeDeviceRevoke, &proto.DeviceRevoke{Key: proto.Key{1}}, nil))
	out := r.ask(p, proto.TypeQuota, &proto.Quota{}, nil)
	r.code(out, proto.Revoked)
	if !out.(Reply).Close {
		t.Error("a revoked device is not said goodbye to")
	}
}

func TestLoginDelays(t *testing.T) {
	r := newRig(t)
	r.login("ann")
	p := NewPeer("1.2.3.4")
	wrong := &proto.Login{User: "ann", Password: "wrong", Device: "d"}
	for range 4 { // the first three are free, the fourth sets a delay
		r.code(r.ask(p, proto.TypeLogin, wrong, nil), proto.BadLogin)
	}
	out := r.ask(p, proto.TypeLogin, wrong, nil)
	r.code(out, proto.TooManyTries)
	if out.(Reply).Err.RetryMs <= 0 {
		t.Error("the reply does not say when to try again")
	}
	other := NewPeer("5.6.7.8")
	r.good(r.ask(other, proto.TypeLogin, &proto.Login{User: "ann", Password: "password", Device: "d"}, nil))
}

func TestChangesParksUntilNews(t *testing.T) {
	r := newRig(t)
	p := r.login("ann")
	home, err := r.store.Home(p.Who)
	if err != nil {
		t.Fatal(err)
	}
	h := &proto.Changes{Epoch: home.Epoch, Since: home.Journal, WaitMs: 10000}
	row := r.service.Row(proto.TypeChanges)
	c := &Call{Context: context.Background(), Peer: p, Type: proto.TypeChanges, Header: h, Raw: h.Append(nil)}
	park, ok := row.Begin(r.service, c).(Park)
	if !ok {
		t.Fatal("nothing has changed, but the request does not park")
	}
	if until := time.Until(park.Until); until < 5*time.Second || until > 10*time.Second {
		t.Errorf("parks for %v, want 10 s", until)
	}
	if _, ok := row.Resume(r.service, c, News).(Park); !ok {
		t.Error("news of others ends the wait")
	}
	r.put(p, map[string][]byte{"new": {1}})
	if r.changes.Load() == park.Seen {
		t.Error("the change counter did not move")
	}
	raw, _ := r.good(row.Resume(r.service, c, News))
	reply, err := proto.ParseChangesReply(raw)
	if err != nil || len(reply.Entries) != 1 || reply.Entries[0].Name != "new" {
		t.Errorf("changes: %+v, %v", reply, err)
	}
	h.Since = reply.Journal
	raw, _ = r.good(row.Resume(r.service, c, Drain))
	if reply, err := proto.ParseChangesReply(raw); err != nil || len(reply.Entries) != 0 {
		t.Errorf("on drain: %+v, %v", reply, err)
	}
}

// Every row of the wire has a row here, and the other way round; what receives can also give up.
func TestTableIsWhole(t *testing.T) {
	r := newRig(t)
	for _, row := range proto.Types {
		if r.service.Row(row.Type) == nil {
			t.Errorf("type %s has no handler", row.Name)
		}
	}
	for _, row := range Table() {
		if proto.Lookup(row.Type) == nil {
			t.Errorf("handler for type %d, which the wire does not know", row.Type)
		}
		if row.Begin == nil || (row.Finish == nil) != (row.Abort == nil) {
			t.Errorf("type %d: Begin, and Finish with Abort, belong together", row.Type)
		}
	}
}

// Requests give back what they opened.
func TestDescriptors(t *testing.T) {
	r := newRig(t)
	p := r.login("ann")
	r.put(p, map[string][]byte{"a": pattern(1, 200<<10), "b": pattern(2, 1<<20)})
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("no /proc here")
		}
		return len(entries)
	}
	sum := proto.Hash(hash.Sum(pattern(2, 1<<20)))
	r.good(r.ask(p, proto.TypeGet, &proto.Get{Hash: sum, Length: -1}, nil))
	before := count()
	for range 50 {
		r.good(r.ask(p, proto.TypeGet, &proto.Get{Hash: sum, Length: -1}, nil))
		objects := &proto.PutObjects{Objects: []proto.Object{{Hash: sum, Size: 1 << 20}}}
		c := &Call{Context: context.Background(), Peer: p, Type: proto.TypePutObjects, Header: objects, BodyLen: 1 << 20}
		if _, ok := r.service.Row(proto.TypePutObjects).Begin(r.service, c).(Receive); ok {
			r.service.Row(proto.TypePutObjects).Abort(r.service, c)
		}
	}
	if after := count(); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}
