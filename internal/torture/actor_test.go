package torture

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"sync/atomic"
	"time"

	"sluice/internal/client"
)

// actor is one client under load: it changes names in a folder of its own, one batch after another, and knows exactly what
// stands there. Every change expects the version the actor knows, so a change that was lost, or done twice, is refused and
// seen. A request whose reply was lost is asked about, and then sent again with the same key, until it is answered.
type actor struct {
	*oracle
	id      int
	remote  *client.Remote
	patient bool // tries again within client; otherwise each failure is seen here
	random  *mathrand.Rand
	shape   shape
	own     drawing // instead of draw; nil: draw

	folder int64 // node
	names  map[string]ack
	asked  *client.CommitRequest // without an answer; nil: none
	facts  []ack                 // what it would make true
	shown  bool                  // it was seen to be there all the same

	emptied bool // its account's trash is: what only that had may be gone between a look and a commit

	pending func(context.Context) error // asks again for something else than a commit; nil: nothing is without an answer

	stored, read, lost *atomic.Int64 // contents put and got, replies lost; of the whole fleet
	fault              func(format string, args ...any)
	dark               func() bool // the power is cut: answers are not taken
	broken             func() bool // a fault was found: the rest would only repeat it
}

// drawing thinks of what to change, see draw. Changes of none are no fault: it did something else.
type drawing func(context.Context) ([]client.Change, []ack, error)

// shape is what an actor does: how many names it plays with, how large its contents are.
type shape struct {
	names    int
	batch    int
	contents []int // greatest sizes, drawn evenly
	chunked  int   // one batch in so many is one content in chunks; 0: none
}

// everyday is small files mostly, some of each way a content can be kept.
var everyday = shape{names: 120, batch: 24, contents: []int{200, 200, 700, 700, 700, 3000, 3000, 9000, 40 << 10, 180 << 10}, chunked: 400}

// errDark is an answer that came after the power was cut, which a real machine would not have given.
var errDark = errors.New("no answer: the power is cut")

// act goes on until ctx ends or stop is set, and then until what was asked is answered, if that can be.
func (a *actor) act(ctx context.Context, stop *atomic.Bool) {
	for ctx.Err() == nil && !a.broken() {
		if !a.waiting() && stop.Load() {
			return
		}
		if err := a.step(ctx); err != nil && ctx.Err() == nil {
			a.lost.Add(1)
			pause(ctx, 3*time.Millisecond)
		}
	}
}

// waiting tells whether something that was asked is without an answer.
func (a *actor) waiting() bool { return a.asked != nil || a.pending != nil }

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// step does one thing. An error is one of the way to the server; whatever the server says that it must not is a fault.
func (a *actor) step(ctx context.Context) error {
	if a.folder == 0 {
		return a.enter(ctx)
	}
	if a.pending != nil {
		return a.pending(ctx)
	}
	if a.asked != nil {
		return a.askAgain(ctx)
	}
	if a.random.IntN(6) == 0 {
		return a.look(ctx)
	}
	draw := a.draw
	if a.own != nil {
		draw = a.own
	}
	changes, facts, err := draw(ctx)
	if err != nil || len(changes) == 0 {
		return err
	}
	var key client.Key
	rand.Read(key[:])
	a.asked, a.facts = &client.CommitRequest{Key: key, Changes: changes}, facts
	return a.ask(ctx)
}

// enter makes the actor's folder, or finds it.
func (a *actor) enter(ctx context.Context) error {
	reply, err := a.remote.Commit(ctx, &client.CommitRequest{Changes: []client.Change{{Op: client.OpMkdir,
		Parent: client.Place{Node: a.remote.Hello().Root}, Name: fmt.Sprintf("actor%d", a.id), Mode: 0o755, Mtime: 1, Expect: client.ExpectAny}}})
	if err != nil {
		return a.excuse(err)
	}
	if a.dark() {
		return errDark
	}
	if code := reply.Entries[0].Code; code != client.OK {
		a.fault("actor %d: make its folder: %v", a.id, code)
		return errors.New("no folder")
	}
	a.folder = reply.Entries[0].Node
	return nil
}

// draw thinks of a batch of changes to names that are all different, brings the contents they need, and says what will be
// true afterwards.
func (a *actor) draw(ctx context.Context) (changes []client.Change, facts []ack, err error) {
	var fresh [][]byte
	used := make(map[string]bool)
	name := func(want bool) (string, ack) { // a name that stands, or that does not, and that no other change is about
		for range 20 {
			path := fmt.Sprintf("n%d", a.random.IntN(a.shape.names))
			there, known := a.names[path]
			if known = known && !there.gone; !used[path] && known == want {
				used[path] = true
				return path, there
			}
		}
		return "", ack{}
	}
	if a.shape.chunked > 0 && a.random.IntN(a.shape.chunked) == 0 {
		return a.drawLarge(ctx)
	}
	size := 0
	for range 1 + a.random.IntN(a.shape.batch) {
		switch kind := a.random.IntN(10); {
		case kind < 7: // put, new or over what stands
			path, there := name(kind < 3)
			if path == "" {
				continue
			}
			b := a.content()
			if size += len(b); size > client.MaxObjectsBody {
				continue
			}
			fresh = append(fresh, b)
			h := client.Sum(b)
			version := there.version
			if there.gone {
				version = 0
			}
			changes = append(changes, client.Change{Op: client.OpPut, Parent: client.Place{Node: a.folder}, Name: path, Kind: client.KindFile,
				Hash: h, Size: int64(len(b)), Mode: 0o644, Mtime: a.random.Int64(), Expect: version})
			facts = append(facts, ack{actor: a.id, path: path, hash: h, size: int64(len(b))})
		case kind == 7:
			path, there := name(true)
			if path == "" {
				continue
			}
			changes = append(changes, client.Change{Op: client.OpDelete, Node: there.node, Expect: there.version})
			facts = append(facts, ack{actor: a.id, path: path, gone: true})
		case kind == 8:
			from, there := name(true)
			to, _ := name(false)
			if from == "" || to == "" {
				continue
			}
			changes = append(changes, client.Change{Op: client.OpMove, Node: there.node, ExpectNode: there.version,
				Parent: client.Place{Node: a.folder}, Name: to, Expect: 0})
			facts = append(facts, ack{actor: a.id, path: to, hash: there.hash, size: there.size})
		default:
			from, there := name(true)
			to, _ := name(false)
			if from == "" || to == "" {
				continue
			}
			changes = append(changes, client.Change{Op: client.OpCopy, Node: there.node,
				Parent: client.Place{Node: a.folder}, Name: to, Expect: 0})
			facts = append(facts, ack{actor: a.id, path: to, hash: there.hash, size: there.size})
		}
	}
	if len(fresh) > 0 {
		err = a.put(ctx, fresh)
	}
	return changes, facts, err
}

// put stores contents; one of them may be drawn twice.
func (a *actor) put(ctx context.Context, bodies [][]byte) error {
	objects := make([]client.Object, len(bodies))
	for i, b := range bodies {
		objects[i] = client.Object{Hash: client.Sum(b), Size: int64(len(b))}
	}
	failed, err := a.remote.PutObjects(ctx, objects, bodies)
	if err != nil {
		return a.excuse(err)
	}
	if a.dark() {
		return errDark
	}
	for _, f := range failed {
		a.fault("actor %d: put-objects refused entry %d: %v", a.id, f.Entry, f.Code)
	}
	a.stored.Add(int64(len(bodies)))
	return nil
}

// drawLarge is one content that comes in chunks.
func (a *actor) drawLarge(ctx context.Context) ([]client.Change, []ack, error) {
	path := fmt.Sprintf("large%d", a.random.IntN(3))
	seed := a.random.Uint64()
	h, size, err := a.remote.UploadReader(ctx, newStream(seed, client.ChunkSize+1+a.random.Int64N(1<<20)), nil)
	if err != nil {
		return nil, nil, a.excuse(err)
	}
	if a.dark() {
		return nil, nil, errDark
	}
	a.stored.Add(1)
	return a.putting(path, h, size)
}

// putting is a change that puts a content, and what it makes true.
func (a *actor) putting(path string, h client.Hash, size int64) ([]client.Change, []ack, error) {
	there := a.names[path]
	version := there.version
	if there.gone {
		version = 0
	}
	return []client.Change{{Op: client.OpPut, Parent: client.Place{Node: a.folder}, Name: path, Kind: client.KindFile, Hash: h, Size: size,
		Mode: 0o600, Mtime: 1, Expect: version}}, []ack{{actor: a.id, path: path, hash: h, size: size}}, nil
}

// content is new, or one of a few that everybody uses, so that contents are shared and uploaded twice at once.
func (a *actor) content() []byte {
	most := a.shape.contents[a.random.IntN(len(a.shape.contents))]
	if a.random.IntN(5) == 0 {
		return common(a.random.IntN(40))
	}
	b := make([]byte, a.random.IntN(most+1))
	fill(b, a.random.Uint64())
	return b
}

// common are contents that all actors use.
func common(i int) []byte {
	b := make([]byte, i*i*20)
	fill(b, uint64(i))
	return b
}

// ask sends the commit and takes its answer for true.
func (a *actor) ask(ctx context.Context) error {
	reply, err := a.remote.Commit(ctx, a.asked)
	if err != nil {
		return a.excuse(err)
	}
	if a.dark() {
		return errDark
	}
	acks := make([]ack, 0, 2*len(a.facts))
	for i, e := range reply.Entries {
		c := &a.asked.Changes[i]
		if e.Code == client.NotUploaded && c.Op == client.OpPut && a.emptied {
			continue
		}
		if e.Code != client.OK {
			a.fault("actor %d: %v of %q was refused: %v (node %d version %d there, expected %d)", a.id, c.Op, a.facts[i].path, e.Code, e.Node, e.Version, c.Expect)
			continue
		}
		if e.Version > reply.Journal {
			a.fault("actor %d: version %d in an answer of journal %d", a.id, e.Version, reply.Journal)
		}
		f := a.facts[i]
		f.node, f.version = e.Node, e.Version
		acks = append(acks, f)
		if c.Op == client.OpMove {
			acks = append(acks, ack{actor: a.id, path: a.pathOf(c.Node), gone: true, node: e.Node, version: e.Version})
		}
	}
	a.note(acks)
	for _, f := range acks {
		a.names[f.path] = f
	}
	a.asked, a.facts, a.shown = nil, nil, false
	return nil
}

func (a *actor) pathOf(node int64) string {
	for path, there := range a.names {
		if there.node == node && !there.gone {
			return path
		}
	}
	return "unknown"
}

// look reads some contents; client compares them with their hashes.
func (a *actor) look(ctx context.Context) error {
	var hashes []client.Hash
	room := int64(client.MaxObjectsBody)
	for _, there := range a.names {
		if there.gone || there.size > room || a.random.IntN(4) > 0 {
			continue
		}
		room -= there.size
		if hashes = append(hashes, there.hash); len(hashes) == 16 {
			break
		}
	}
	return a.get(ctx, hashes)
}

// get reads contents that must be there.
func (a *actor) get(ctx context.Context, hashes []client.Hash) error {
	for len(hashes) > 0 {
		got, err := a.remote.GetObjects(ctx, hashes, nil)
		if err != nil {
			return a.excuse(err)
		}
		for i, g := range got {
			if g.Code != client.OK {
				a.fault("actor %d: content %x, acknowledged, cannot be read: %v", a.id, hashes[i][:], g.Code)
			}
		}
		a.read.Add(int64(len(got)))
		hashes = hashes[len(got):]
	}
	return nil
}

// excuse lets pass what a server that is being killed may cause: lost connections, time-outs, refusals of a moment and of a
// disk that is gone. Everything else it must not say.
func (a *actor) excuse(err error) error {
	switch code := client.CodeOf(err); code {
	case client.OK:
		if errors.Is(err, client.ErrIntegrity) || errors.Is(err, client.ErrProtocol) || errors.Is(err, client.ErrOtherServer) {
			a.fault("actor %d: %v", a.id, err)
		}
	default:
		if !code.Temporary() {
			a.fault("actor %d: %v", a.id, err)
		}
	}
	return err
}

// stream is a content of any length that its seed decides.
type stream struct {
	source *mathrand.ChaCha8
	left   int64
}

func newStream(seed uint64, size int64) *stream {
	var key [32]byte
	binary.NativeEndian.PutUint64(key[:], seed)
	return &stream{mathrand.NewChaCha8(key), size}
}

func (s *stream) Read(b []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), s.left)]
	s.source.Read(b)
	s.left -= int64(len(b))
	return len(b), nil
}

func fill(b []byte, seed uint64) {
	var key [32]byte
	binary.NativeEndian.PutUint64(key[:], seed)
	mathrand.NewChaCha8(key).Read(b)
}
