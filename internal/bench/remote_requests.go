package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/internal/client"
)

// What small requests ask for: so many contents of smallSize, which are all the names and bytes that a measurement makes.
const (
	remoteObjects = 20
	smallTotal    = remoteObjects * smallSize
)

// ask is one request of a kind.
type ask struct {
	name string
	do   func(ctx context.Context, r *client.Remote) error
}

// requests measures small requests on one connection and on many.
func (m *Remote) requests(ctx context.Context, remote *client.Remote, folder int64, report *RemoteReport) error {
	asks, err := prepare(ctx, remote, folder)
	if err != nil {
		return err
	}
	one, err := m.Dial(ctx, 1)
	if err != nil {
		return err
	}
	defer one.Close()
	for _, a := range asks {
		if err := m.measure(ctx, a, []*client.Remote{one}, report); err != nil {
			return err
		}
	}
	many, err := m.open(ctx, report)
	defer func() {
		for _, r := range many {
			r.Close()
		}
	}()
	if err != nil {
		return err
	}
	for _, a := range asks {
		if err := m.measure(ctx, a, many, report); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes what is asked for.
func prepare(ctx context.Context, remote *client.Remote, folder int64) ([]ask, error) {
	var all []client.Object
	var bodies [][]byte
	var hashes []client.Hash
	for range remoteObjects {
		b := make([]byte, smallSize)
		rand.Read(b)
		bodies, hashes = append(bodies, b), append(hashes, client.Sum(b))
		all = append(all, client.Object{Hash: hashes[len(hashes)-1], Size: smallSize})
	}
	failed, err := remote.PutObjects(ctx, all, bodies)
	if err == nil && len(failed) > 0 {
		err = client.NewError("put-objects", failed[0].Code, failed[0].Message)
	}
	if err != nil {
		return nil, err
	}
	var changes []client.Change
	for i, h := range hashes {
		changes = append(changes, client.Change{
			Op: client.OpPut, Parent: client.Place{Node: folder}, Name: fileName(i), Kind: client.KindFile,
			Hash: h, Size: smallSize, Mode: 0o600, Expect: client.ExpectAny,
		})
	}
	if _, err := commitAll(ctx, remote, changes); err != nil {
		return nil, err
	}
	return []ask{
		{"ping", func(ctx context.Context, r *client.Remote) error { return r.Ping(ctx) }},
		{"stat", func(ctx context.Context, r *client.Remote) error {
			reply, err := r.Stat(ctx, folder, []string{fileName(0)})
			if err == nil && len(reply.Entries) != 2 {
				err = errors.New("the own file is gone")
			}
			return err
		}},
		{"get-objects", func(ctx context.Context, r *client.Remote) error {
			got, err := r.GetObjects(ctx, hashes, nil)
			if err == nil && len(got) != len(hashes) {
				err = fmt.Errorf("%d contents instead of %d", len(got), len(hashes))
			}
			return err
		}},
	}, nil
}

// open opens many connections at once. What was opened is told even with an error.
func (m *Remote) open(ctx context.Context, report *RemoteReport) ([]*client.Remote, error) {
	m.Watch.begin("connections")
	var mu sync.Mutex
	var many []*client.Remote
	g, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for range m.Plan.Many {
		g.Go(func() error {
			r, err := m.Dial(ctx, 1)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			many = append(many, r)
			m.Watch.done(int64(len(many)), int64(m.Plan.Many))
			return nil
		})
	}
	err := g.Wait()
	report.Open = Opening{Connections: len(many), Seconds: time.Since(start).Seconds()}
	return many, err
}

// measure asks on all connections until the time is over. The first answer on each is not counted: it may find a cold
// cache.
func (m *Remote) measure(ctx context.Context, a ask, remotes []*client.Remote, report *RemoteReport) error {
	m.Watch.begin(fmt.Sprintf("%s, %d connections", a.name, len(remotes)))
	if len(remotes) == 1 {
		m.Watch.begin(a.name)
	}
	var mu sync.Mutex
	var all []time.Duration
	var first sync.WaitGroup
	first.Add(len(remotes))
	g, ctx := errgroup.WithContext(ctx)
	var cpu time.Duration
	var start time.Time
	var once sync.Once
	for _, r := range remotes {
		g.Go(func() error {
			err := a.do(ctx, r)
			first.Done()
			first.Wait()
			if err != nil {
				return err
			}
			once.Do(func() { cpu, start = ownCPU(), time.Now() })
			var own []time.Duration
			for begin := time.Now(); begin.Sub(start) < m.Plan.Each; {
				if err := a.do(ctx, r); err != nil {
					return err
				}
				now := time.Now()
				own = append(own, now.Sub(begin))
				begin = now
				m.Watch.done(now.Sub(start).Milliseconds(), m.Plan.Each.Milliseconds())
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, own...)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("%s: %w", a.name, err)
	}
	wall, used, q := time.Since(start), ownCPU()-cpu, quantilesOf(all)
	micro := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	report.Requests = append(report.Requests, Requests{
		Name: a.name, Connections: len(remotes), Count: len(all), Seconds: wall.Seconds(), Rate: float64(len(all)) / wall.Seconds(),
		P50: micro(q.P50), P99: micro(q.P99), P999: micro(q.P999), CPU: micro(used) / float64(max(len(all), 1)),
	})
	return nil
}
