package torture

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/client"
)

// fleet is a number of actors on one server, and one who watches the journal.
type fleet struct {
	*oracle
	s      *server
	actors []*actor
	watch  *watcher
	toil   *toil // nil: none
	stop   atomic.Bool
	dark   atomic.Bool // the power is cut: what arrives now was never said, see powerCuts
	faults atomic.Int64

	stored, read, lost atomic.Int64

	cancel context.CancelFunc
	group  sync.WaitGroup
}

// newFleet makes the clients; the server runs. Every other actor is patient.
func (s *server) newFleet(count int, shape shape) *fleet {
	s.Helper()
	f := &fleet{oracle: s.newOracle(), s: s}
	for i := range count {
		a := f.newActor(i, shape)
		a.patient = i%2 == 1
		o := client.Options{Connections: 1, Retries: -1, Timeout: 30 * time.Second}
		if a.patient {
			o.Retries = 0 // client's own number
		}
		a.remote = s.dialRemote(o)
		f.actors = append(f.actors, a)
	}
	f.watch = &watcher{remote: s.dialRemote(client.Options{Connections: 1, Retries: -1}), fault: f.fault, dark: f.dark.Load, seen: make(map[int64]client.Entry)}
	return f
}

// newActor makes an actor that has no connection yet.
func (f *fleet) newActor(id int, shape shape) *actor {
	return &actor{oracle: f.oracle, id: id, random: f.random(uint64(id)), shape: shape, names: make(map[string]ack),
		stored: &f.stored, read: &f.read, lost: &f.lost, fault: f.fault, dark: f.dark.Load,
		broken: func() bool { return f.faults.Load() > 0 }}
}

// fault is something the server must not do. The load ends, so that the first one stays visible.
func (f *fleet) fault(format string, args ...any) {
	if f.dark.Load() {
		return
	}
	if f.faults.Add(1) <= 10 {
		f.Errorf(format, args...)
	}
	f.stop.Store(true)
}

// begin sets the actors to work.
func (f *fleet) begin() {
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	f.stop.Store(false)
	for _, a := range f.actors {
		f.group.Go(func() { a.act(ctx, &f.stop) })
	}
	f.group.Go(func() { f.watch.watch(ctx, &f.stop) })
	if f.toil != nil {
		f.group.Go(func() { f.empty(ctx) })
	}
}

// rest lets every actor have the answer to what it asked, and stops. The server runs.
func (f *fleet) rest() {
	f.Helper()
	f.stop.Store(true)
	done := make(chan struct{})
	go func() { f.group.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(90 * time.Second):
		f.Errorf("the actors did not get their last answers within 90 s; the server's parent is process %d", f.s.parent())
	}
	f.cancel()
	<-done
	f.over()
}

// drop stops at once: the server is gone, or will be.
func (f *fleet) drop() {
	f.Helper()
	f.cancel()
	f.group.Wait()
	f.over()
}

func (f *fleet) over() {
	f.Helper()
	if f.faults.Load() > 0 {
		f.FailNow()
	}
}

func (f *fleet) String() string {
	text := fmt.Sprintf("%d names acknowledged, %d contents stored, %d read back, %d replies lost", f.acks.Load(), f.stored.Load(), f.read.Load(), f.lost.Load())
	if f.toil != nil {
		text += "; " + f.toil.String()
	}
	return text
}

// settle lets every actor ask again for what it has no answer to, while nothing else is done. The server runs.
func (f *fleet) settle() {
	f.Helper()
	f.stop.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	for _, a := range f.actors {
		f.group.Go(func() { a.act(ctx, &f.stop) })
	}
	f.group.Wait()
	f.over()
	for _, a := range f.actors {
		if a.waiting() {
			f.Fatalf("actor %d still has no answer after %v", a.id, startLimit)
		}
	}
}

// verify compares what the server shows with the oracle's file: each name that was acknowledged, its version and hash, and
// nothing else; with contents, it also reads every content. The actors rest.
func (f *fleet) verify(contents bool) {
	f.Helper()
	all := f.oracle.read(-1)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for _, a := range f.actors {
		if a.folder == 0 {
			continue
		}
		list, err := a.remote.ListAll(ctx, a.folder)
		for tries := 0; err != nil && tries < 20; tries++ { // the first may meet a connection that died with the server
			list, err = a.remote.ListAll(ctx, a.folder)
		}
		f.must(err)
		standing := make(map[string]client.Entry)
		for _, e := range list.Entries {
			standing[e.Name] = e
		}
		f.compare(a.id, all[a.id], standing)
		if !contents {
			continue
		}
		var hashes []client.Hash
		for path, there := range all[a.id] {
			switch {
			case there.gone:
			case there.size > client.MaxObjectsBody:
				_, err := a.remote.Get(ctx, there.hash, 0, -1, discard{})
				if err != nil {
					f.Errorf("actor %d: read %q: %v", a.id, path, err)
				}
			default:
				hashes = append(hashes, there.hash)
			}
		}
		for len(hashes) > 0 {
			part := hashes[:min(len(hashes), 100)]
			if err := a.get(ctx, part); err != nil {
				f.Fatalf("actor %d: read what was acknowledged: %v", a.id, err)
			}
			hashes = hashes[len(part):]
		}
	}
	f.watch.verify(f)
	if f.Failed() {
		f.FailNow()
	}
}

// compare holds what stands in an actor's folder against what was acknowledged.
func (f *fleet) compare(id int, acked map[string]ack, standing map[string]client.Entry) {
	f.Helper()
	for path, want := range acked {
		e, is := standing[path]
		delete(standing, path)
		switch {
		case want.gone && is:
			f.Errorf("actor %d: %q stands (version %d) though its end was acknowledged as %d", id, path, e.Version, want.version)
		case !want.gone && !is:
			f.Errorf("actor %d: %q is lost; it was acknowledged as version %d", id, path, want.version)
		case is && (e.Hash != want.hash || e.Version != want.version || e.Node != want.node || e.Size != want.size):
			f.Errorf("actor %d: %q is node %d version %d hash %x, acknowledged were %d, %d, %x", id, path, e.Node, e.Version, e.Hash[:4], want.node, want.version, want.hash[:4])
		}
	}
	for path, e := range standing {
		f.Errorf("actor %d: %q stands (version %d) and nobody was told", id, path, e.Version)
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// watcher reads the journal as it grows. What it was once shown must stay true: nothing may be visible before it is durable.
type watcher struct {
	remote *client.Remote
	fault  func(format string, args ...any)
	dark   func() bool

	since, epoch int64
	seen         map[int64]client.Entry // the latest of each node
}

func (w *watcher) watch(ctx context.Context, stop *atomic.Bool) {
	for ctx.Err() == nil && !stop.Load() {
		if w.epoch == 0 {
			w.epoch = w.remote.Hello().Epoch
		}
		page, err := w.remote.Changes(ctx, client.ChangesRequest{Epoch: w.epoch, Since: w.since, WaitMs: 100})
		if err != nil || w.dark() {
			pause(ctx, 3*time.Millisecond)
			continue
		}
		w.take(page)
	}
}

func (w *watcher) take(page *client.ChangesReply) {
	if page.Journal < w.since {
		w.fault("the journal went back from %d to %d", w.since, page.Journal)
	}
	last := w.since
	for _, e := range page.Entries {
		if e.Version <= last {
			w.fault("changes since %d tell of version %d after %d", w.since, e.Version, last)
		}
		last = e.Version
		w.seen[e.Node] = e
	}
	w.since = last
	if !page.More {
		w.since = page.Journal
	}
}

// verify reads the whole journal anew and compares it with what was seen of it.
func (w *watcher) verify(f *fleet) {
	f.Helper()
	fresh := watcher{remote: w.remote, fault: w.fault, epoch: w.epoch, seen: make(map[int64]client.Entry)}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for tries := 0; ; {
		page, err := fresh.remote.Changes(ctx, client.ChangesRequest{Epoch: fresh.epoch, Since: fresh.since})
		if err != nil && tries < 20 {
			tries++
			continue
		}
		f.must(err)
		fresh.take(page)
		if !page.More {
			break
		}
	}
	if fresh.since < w.since {
		f.Errorf("the journal ends at %d, and was seen to reach %d", fresh.since, w.since)
	}
	for node, was := range w.seen {
		is, there := fresh.seen[node]
		switch {
		case !there || is.Version < was.Version:
			f.Errorf("node %d was seen with version %d, and the journal now tells %d", node, was.Version, is.Version)
		case is.Version == was.Version && (is.Hash != was.Hash || is.Name != was.Name || is.Deleted != was.Deleted):
			f.Errorf("node %d version %d was seen as %q, and is now %q", node, was.Version, was.Name, is.Name)
		}
	}
}
