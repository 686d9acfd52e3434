package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	cancel  context.CancelFunc
	running sync.WaitGroup
	calls   atomic.Int64
	again   atomic.Int64
	began   time.Time

	mu       sync.Mutex
	failures []error
}

const (
	loadPause = 4 * time.Millisecond // between the calls of one client: some hundred calls a second in all
	loadTries = 20
)

// startLoad logs clients in at s and lets them work until stop.
func startLoad(s *server) *load {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{t: s.t, cancel: cancel, began: time.Now()}
	for i := range rounds(6, 16) {
		// No tries of its own: they are counted here.
		r, err := client.Dial(ctx, client.Options{Address: "sluice+plain://" + s.address, Connections: 2, Retries: -1, Timeout: 20 * time.Second})
		if err == nil {
			_, err = r.Login(ctx, "ann", password, fmt.Sprintf("load %d", i))
		}
		if err != nil {
			cancel()
			s.t.Fatal(err)
		}
		l.running.Add(1)
		go func() {
			defer l.running.Done()
			defer r.Close()
			l.work(ctx, r, i)
		}()
	}
	s.t.Cleanup(func() {
		cancel()
		l.running.Wait()
	})
	return l
}

// stop ends the load and fails the test if any call failed.
func (l *load) stop() {
	l.t.Helper()
	l.cancel()
	l.running.Wait()
	took := time.Since(l.began)
	l.t.Logf("%d calls in %v (%.0f a second), %d tried again, %d failed",
		l.calls.Load(), took.Round(time.Millisecond), float64(l.calls.Load())/took.Seconds(), l.again.Load(), len(l.failures))
	for i, err := range l.failures {
		if i == 10 {
			break
		}
		l.t.Errorf("a call failed: %v", err)
	}
	if l.calls.Load() == 0 {
		l.t.Error("the load made no call")
	}
}

// work goes round until ctx ends.
func (l *load) work(ctx context.Context, r *client.Remote, number int) {
	root := r.Hello().Root
	for round := uint64(0); ctx.Err() == nil; round++ {
		body := content(round*16+uint64(number), 100+rand.IntN(5000))
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
		l.call(ctx, "stat", func() error {
			_, err := r.Stat(ctx, root, []string{name})
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
}

// call makes one call, again where that is allowed.
func (l *load) call(ctx context.Context, what string, f func() error) {
	for try := 1; ; try++ {
		err := f()
		switch {
		case err == nil:
			l.calls.Add(1)
			time.Sleep(loadPause)
			return
		case ctx.Err() != nil:
			return
		case client.ExitCode(err) == 5 && !errors.Is(err, syscall.ECONNREFUSED) && try < loadTries:
			l.again.Add(1)
			time.Sleep(time.Duration(try) * time.Millisecond)
			continue
		}
		l.mu.Lock()
		l.failures = append(l.failures, fmt.Errorf("%s, try %d: %w", what, try, err))
		l.mu.Unlock()
		return
	}
}
