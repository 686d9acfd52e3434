package torture

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/client"
)

// toil is what a long round does besides everyday, so that every way in which contents come, go and come again meets the
// faults: large files that change, possession that is proven, versions and trash that come back, and a trash that is
// emptied again and again, which leaves the collector enough to remove and to compact. Short rounds have none of it: it
// writes tens of megabytes, and its proofs and pauses take their time.
type toil struct {
	shelf   shelf
	emptier *client.Remote // of carl's trash

	copied   atomic.Int64 // bytes that servers took from what they had, for changed large files
	proven   atomic.Int64 // contents that were linked by a proof
	restored atomic.Int64 // from versions and from the trash
	looked   atomic.Int64 // lists of versions that were compared
	emptied  atomic.Int64 // names given up for good
}

func (t *toil) String() string {
	return fmt.Sprintf("%d bytes copied for changed files, %d contents proven, %d names restored, %d lists of versions, %d names gone with the trash",
		t.copied.Load(), t.proven.Load(), t.restored.Load(), t.looked.Load(), t.emptied.Load())
}

// toiled tells what the toil came to, and fails a round in which a part of it never came to pass.
func (f *fleet) toiled() {
	f.Helper()
	t := f.toil
	if t == nil {
		return
	}
	contents, segments := f.s.collected()
	f.Logf("%v; the log tells of %d contents and %d segments collected", f, contents, segments)
	for _, n := range []int64{t.copied.Load(), t.proven.Load(), t.restored.Load(), t.looked.Load(), t.emptied.Load(), int64(contents)} {
		if n == 0 && f.share >= 1 {
			f.Errorf("a part of the load was idle: %v; %d contents collected", t, contents)
		}
	}
}

const emptyEvery = 300 * time.Millisecond

// serverArgs are the settings of the servers of D1 and D2.
func (r *round) serverArgs() []string {
	if r.long {
		return []string{"--grace", "1s"}
	}
	return nil
}

// linger gives the collector, which first looks around a second after its process has become the keeper, its time now
// and then: one fault in so many comes later, in long rounds.
func (r *round) linger(random *rand.Rand, every int) {
	if r.long && random.IntN(every) == 0 {
		time.Sleep(time.Second + time.Duration(random.Int64N(int64(time.Second))))
	}
}

// addToil adds the toil's actors in a long round; the server runs, and nothing was begun. Who empties carl's trash takes from
// the journal what a watcher would ask for, so carl is not ann; bob proves what carl has.
func (f *fleet) addToil() {
	f.Helper()
	if !f.long {
		return
	}
	f.s.addUser("bob")
	f.s.addUser("carl")
	f.toil = &toil{emptier: f.s.dialAs("carl", client.Options{Connections: 1})}
	for _, part := range []struct {
		user string
		own  func(*actor) drawing
	}{
		{"carl", nil},
		{"carl", func(a *actor) drawing { return (&waster{a, 20 * time.Millisecond}).draw }},
		{"carl", func(a *actor) drawing { return (&changer{actor: a, toil: f.toil}).draw }},
		{"carl", func(a *actor) drawing { return (&giver{a, f.toil, 150 * time.Millisecond}).draw }},
		{"bob", func(a *actor) drawing { return (&prover{a, f.toil}).draw }},
		{"bob", func(a *actor) drawing { return newRestorer(a, f.toil).draw }},
	} {
		f.join(f.s.dialAs(part.user, client.Options{}), part.own)
		f.actors[len(f.actors)-1].emptied = part.user == "carl"
	}
}

// addLightToil is addToil for a small disk and a short record.
func (f *fleet) addLightToil() {
	f.Helper()
	if !f.long {
		return
	}
	f.s.addUser("bob")
	f.s.addUser("carl")
	f.toil = &toil{emptier: f.s.dialAs("carl", client.Options{Connections: 1})}
	f.join(f.s.dialAs("bob", client.Options{}), func(a *actor) drawing { return newRestorer(a, f.toil).draw })
	f.join(f.s.dialAs("carl", client.Options{}), func(a *actor) drawing { return (&waster{a, 500 * time.Millisecond}).draw })
	f.join(f.s.dialAs("carl", client.Options{}), func(a *actor) drawing { return (&changer{actor: a, toil: f.toil, rest: time.Second}).draw })
	f.join(f.s.dialAs("carl", client.Options{}), func(a *actor) drawing { return (&giver{a, f.toil, time.Second}).draw })
	f.join(f.s.dialAs("bob", client.Options{}), func(a *actor) drawing { return (&prover{a, f.toil}).draw })
}

// varied tells whether each part of a long round's light toil has come to pass.
func (f *fleet) varied() bool {
	t := f.toil
	return !f.long || t.restored.Load() > 0 && t.copied.Load() > 0 && t.proven.Load() > 0 && t.emptied.Load() > 0
}

// join adds a patient actor; own, if there is one, gives what it does instead of everyday things.
func (f *fleet) join(remote *client.Remote, own func(*actor) drawing) {
	a := f.newActor(len(f.actors), everyday)
	a.patient, a.remote = true, remote
	if own != nil {
		a.own = own(a)
	}
	f.actors = append(f.actors, a)
}

// dialAs gives a client that is logged in as somebody else than ann.
func (s *server) dialAs(user string, o client.Options) *client.Remote {
	s.Helper()
	o.Address, o.Agent = s.url(), "torture"
	remote, err := client.Dial(context.Background(), o)
	s.must(err)
	s.Cleanup(func() { remote.Close() })
	_, err = remote.Login(context.Background(), user, password, "torture")
	s.must(err)
	return remote
}

// empty gives up carl's trash for good, again and again. Nobody of his restores from it.
func (f *fleet) empty(ctx context.Context) {
	for ctx.Err() == nil && !f.stop.Load() {
		n, err := f.toil.emptier.TrashEmpty(ctx, time.Now().UnixNano(), false)
		if code := client.CodeOf(err); err != nil && code != client.OK && !code.Temporary() {
			f.fault("empty the trash: %v", err)
		}
		if err == nil {
			f.toil.emptied.Add(n)
		}
		pause(ctx, emptyEvery)
	}
}

// collected sums up what the server's log tells of its collector: contents and segments removed.
func (s *server) collected() (contents, segments int) {
	for _, m := range regexp.MustCompile(`collected (\d+) contents \(\d+ bytes\) and (\d+) segments`).FindAllStringSubmatch(s.logTail(64<<20), -1) {
		c, _ := strconv.Atoi(m[1])
		g, _ := strconv.Atoi(m[2])
		contents, segments = contents+c, segments+g
	}
	return contents, segments
}

// shelf tells one account's actor what another one's has stored: contents that a seed decides.
type shelf struct {
	mu  sync.Mutex
	all []book
}

type book struct {
	seed uint64
	size int64
}

func (b book) content() []byte {
	content := make([]byte, b.size)
	fill(content, b.seed)
	return content
}

func (s *shelf) add(b book) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, b)
}

// draw is one of the latest; false: there is none yet.
func (s *shelf) draw(random *rand.Rand) (book, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 {
		return book{}, false
	}
	latest := s.all[max(0, len(s.all)-6):]
	return latest[random.IntN(len(latest))], true
}

// giver stores contents that are large enough for a proof.
type giver struct {
	*actor
	*toil
	rest time.Duration // after each, lest it fills the disk
}

func (g *giver) draw(ctx context.Context) ([]client.Change, []ack, error) {
	path := fmt.Sprintf("given%d", g.random.IntN(5))
	if there := g.names[path]; there.version > 0 && !there.gone && g.random.IntN(3) == 0 {
		return g.deletion(path)
	}
	b := book{g.random.Uint64(), client.LeastProof + g.random.Int64N(2<<20)}
	content := b.content()
	if err := g.put(ctx, [][]byte{content}); err != nil {
		return nil, nil, err
	}
	g.shelf.add(b)
	pause(ctx, g.rest)
	return g.putting(path, client.Sum(content), b.size)
}

// waster puts contents that lie in segments and deletes them again, so that most of a segment is soon dead.
type waster struct {
	*actor
	rest time.Duration // after each commit
}

const wasted = 16 // names

func (w *waster) draw(ctx context.Context) (changes []client.Change, facts []ack, err error) {
	var fresh [][]byte
	for i := range wasted {
		path := fmt.Sprintf("wasted%d", i)
		var c []client.Change
		var f []ack
		if there := w.names[path]; there.version > 0 && !there.gone {
			c, f, err = w.deletion(path)
		} else {
			b := make([]byte, 60<<10+w.random.IntN(60<<10))
			fill(b, w.random.Uint64())
			fresh = append(fresh, b)
			c, f, err = w.putting(path, client.Sum(b), int64(len(b)))
		}
		changes, facts = append(changes, c...), append(facts, f...)
	}
	if len(fresh) > 0 {
		err = w.put(ctx, fresh)
	}
	pause(ctx, w.rest)
	return changes, facts, err
}

// prover has what the giver has, and shows it. What was collected meanwhile it sends.
type prover struct {
	*actor
	*toil
}

func (p *prover) draw(ctx context.Context) ([]client.Change, []ack, error) {
	b, is := p.shelf.draw(p.random)
	if !is {
		pause(ctx, 10*time.Millisecond)
		return nil, nil, nil
	}
	content := b.content()
	h := client.Sum(content)
	asked := false
	held, err := p.remote.Spare(ctx, []client.Object{{Hash: h, Size: b.size}}, func(int) io.ReaderAt { return bytes.NewReader(content) },
		client.Sparing{Always: true, Waits: func() { asked = true }})
	if err != nil {
		return nil, nil, p.excuse(err)
	}
	if p.dark() {
		return nil, nil, errDark
	}
	switch {
	case !held.Get(0):
		if err := p.put(ctx, [][]byte{content}); err != nil {
			return nil, nil, err
		}
	case asked:
		p.proven.Add(1)
	default:
		pause(ctx, 50*time.Millisecond)
	}
	return p.putting(fmt.Sprintf("proven%d", p.random.IntN(6)), h, b.size)
}

// deletion is a change that deletes a name that stands.
func (a *actor) deletion(path string) ([]client.Change, []ack, error) {
	there := a.names[path]
	return []client.Change{{Op: client.OpDelete, Node: there.node, Expect: there.version}}, []ack{{actor: a.id, path: path, gone: true}}, nil
}
