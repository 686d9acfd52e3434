package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// load is clients at work: each uploads small contents, names them, looks them up and reads them back, again and again. A
// call that ended before any byte of its reply is tried again and counted, as the protocol says; everything else that goes
// wrong is a failure.
type load struct {
	t       *testing.T
	pause   time.Duration // between two calls of one worker
	looks   int           // at each content, once it has a name
	cancel  context.CancelFunc
	running sync.WaitGroup
	calls   atomic.Int64
	began   time.Time

	mu       sync.Mutex
	again    map[string]int  // calls tried again, by why
	took     []time.Duration // of each call, with its tries
	failures []error
}

const loadTries = 20

// startLoad lets clients work on s until stop. In the long tests they work without a pause, four at once over the two
// connections of each client, so that requests wait in line on each: as many calls as the machine can do beside the reloads.
func startLoad(s *server) *load {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{t: s.t, cancel: cancel, pause: 4 * time.Millisecond, looks: 1, again: make(map[string]int)}
	if long() {
		l.pause, l.looks = 0, 5
	}
	var remotes []*client.Remote
	s.t.Cleanup(func() {
		cancel()
		l.running.Wait()
		for _, r := range remotes {
			r.Close()
		}
	})
	for i := range rounds(6, 8) {
		// No tries of its own: they are counted here.
		r, err := client.Dial(ctx, client.Options{Address: "sluice+plain://" + s.address, Connections: 2, Retries: -1, Timeout: 20 * time.Second})
		if err == nil {
			remotes = append(remotes, r)
			_, err = r.Login(ctx, "ann", password, fmt.Sprintf("load %d", i))
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	l.began = time.Now()
	for i, r := range remotes {
		for j := range rounds(1, 4) {
			l.running.Go(func() { l.work(ctx, r, 10*i+j) })
		}
	}
	return l
}

// stop ends the load and fails the test if any call failed.
func (l *load) stop() {
	l.t.Helper()
	took := time.Since(l.began)
	calls := l.calls.Load()
	l.cancel()
	l.running.Wait()
	rate := float64(calls) / took.Seconds()
	slices.Sort(l.took)
	l.t.Logf("%d calls in %v (%.0f a second), %d failed, tried again: %v; p99.9 %v, the slowest %v", calls, took.Round(time.Millisecond), rate,
		len(l.failures), l.again, l.quantile(0.999).Round(time.Millisecond), l.quantile(1).Round(time.Millisecond))
	for i, err := range l.failures {
		if i == 10 {
			break
		}
		l.t.Errorf("a call failed: %v", err)
	}
	if calls == 0 {
		l.t.Error("the load made no call")
	}
	if long() && !raceEnabled && rate < 1000 {
		l.t.Errorf("%.0f calls a second, the round wants 1,000", rate)
	}
}

// quantile is of what calls took, which is sorted.
func (l *load) quantile(q float64) time.Duration {
	if len(l.took) == 0 {
		return 0
	}
	return l.took[int(q*float64(len(l.took)-1))]
}

// work goes round until ctx ends.
func (l *load) work(ctx context.Context, r *client.Remote, number int) {
	root := r.Hello().Root
	for round := uint64(0); ctx.Err() == nil; round++ {
		body := content(round*1000+uint64(number), 100+rand.IntN(5000))
		hash := client.Hash(blake3(body))
		name := fmt.Sprintf("load %d-%d", number, round%50)
		l.call(ctx, "put-objects", func() error {
			_, err := r.PutObjects(ctx, []client.Object{{Hash: hash, Size: int64(len(body))}}, [][]byte{body})
			return err
		})
		l.call(ctx, "commit", func() error {
			reply, err := r.Commit(ctx, &client.CommitRequest{Namespace: r.Hello().Namespace, Changes: []client.Change{{
				Op: proto.OpPut, Parent: proto.Place{Node: root}, Name: name, Kind: proto.KindFile, Hash: hash, Size: int64(len(body)),
				Mode: 0o644, Mtime: int64(round), Expect: proto.ExpectAny,
			}}})
			if err == nil && reply.Entries[0].Code != proto.OK {
				err = fmt.Errorf("the entry: %v", reply.Entries[0].Code)
			}
			return err
		})
		for range l.looks {
			l.look(ctx, r, root, name, hash, body)
		}
	}
}

// look finds a name and reads its content back.
func (l *load) look(ctx context.Context, r *client.Remote, root int64, name string, hash client.Hash, body []byte) {
	l.call(ctx, "stat", func() error {
		reply, err := r.Stat(ctx, root, []string{name})
		if err == nil && (len(reply.Entries) != 2 || reply.Entries[1].Hash != hash) {
			err = errors.New("the name is not what was committed")
		}
		return err
	})
	l.call(ctx, "get", func() error {
		var back bytes.Buffer
		_, err := r.Get(ctx, hash, 0, -1, &back)
		if err == nil && !bytes.Equal(back.Bytes(), body) {
			err = errors.New("wrong bytes")
		}
		return err
	})
}

// call makes one call, again where that is allowed.
func (l *load) call(ctx context.Context, what string, f func() error) {
	began := time.Now()
	for try := 1; ; try++ {
		err := f()
		if err != nil && ctx.Err() != nil {
			return
		}
		why := mayTryAgain(err)
		l.mu.Lock()
		switch {
		case err == nil:
			l.calls.Add(1)
			l.took = append(l.took, time.Since(began))
		case why != "" && try < loadTries:
			l.again[why]++
		default:
			l.failures = append(l.failures, fmt.Errorf("%s, try %d: %w", what, try, err))
			why = ""
		}
		l.mu.Unlock()
		if why == "" {
			time.Sleep(l.pause)
			return
		}
		time.Sleep(time.Duration(try) * time.Millisecond)
	}
}

// mayTryAgain says why a call that ended so is tried again by every client, without anybody being told: the connection ended
// before a byte of the reply, or the server had said on it that it is closing. Empty: it is not. A connection that is refused,
// one that ends within a reply, and one that says nothing are failures.
func mayTryAgain(err error) string {
	switch text := fmt.Sprint(err); {
	case err == nil || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, client.ErrTimeout):
		return ""
	case client.CodeOf(err) == proto.Draining:
		return "draining"
	case strings.Contains(text, "takes no more requests"):
		return "closing"
	case strings.Contains(text, "before the reply"):
		return "ended"
	}
	return ""
}
