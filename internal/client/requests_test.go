package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"sluice/internal/proto"
)

func TestHello(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{Agent: "test/1"})
	if h := r.Hello(); h.Account != "anna" || h.Server != serverID || h.Root != 1 {
		t.Errorf("hello: %+v", h)
	}
	if err := r.Ping(soon(t)); err != nil {
		t.Error(err)
	}
}

// The first request does not wait for the answer to hello.
func TestHelloIsNotWaitedFor(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{Connections: 1})
	r.pool.retire()
	var late []byte
	s.on(proto.TypeHello, func(q *request) {
		q.body()
		late = q.frame(0, (&proto.HelloReply{Version: 1, Server: serverID, Account: "anna", Device: 1, Namespace: 1, Root: 1}).Append(nil), nil)
	})
	s.on(proto.TypePing, func(q *request) {
		q.conn.Write(append(late, q.frame(0, nil, nil)...))
	})
	if err := r.Ping(soon(t)); err != nil {
		t.Error(err)
	}
}

// Several requests are on their way on one connection before the first is answered, and each gets its own answer.
func TestPipelining(t *testing.T) {
	const n = 8
	s := newServer(t)
	r := s.dial(Options{Connections: 1})
	var held [][]byte
	s.on(proto.TypeGet, func(q *request) {
		h := q.header.(*proto.Get)
		held = append(held, q.frame(0, (&proto.GetReply{Size: 100}).Append(nil), bytes.Repeat([]byte{byte(h.Offset)}, int(h.Length))))
		if len(held) == n {
			q.conn.Write(bytes.Join(held, nil))
		}
	})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			var out bytes.Buffer
			_, err := r.Get(soon(t), Hash{1}, int64(i), int64(i+1), &out)
			if err != nil || !bytes.Equal(out.Bytes(), bytes.Repeat([]byte{byte(i)}, i+1)) {
				t.Errorf("get %d: %q, %v", i, out.Bytes(), err)
			}
		})
	}
	all.Wait()
	if s.accepted != 1 {
		t.Errorf("%d connections", s.accepted)
	}
}

// At most Options.Connections are opened, however many requests come at once; one that waits for news does not count and
// holds nobody up.
func TestPool(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{Connections: 2})
	release := make(chan struct{})
	s.on(proto.TypeChanges, func(q *request) {
		<-release
		q.reply(&proto.ChangesReply{Epoch: 7, Journal: 3}, nil)
	})
	var waiter, all sync.WaitGroup
	waiter.Go(func() {
		if _, err := r.Changes(soon(t), ChangesRequest{Epoch: 7, Since: 3, WaitMs: 60_000}); err != nil {
			t.Error(err)
		}
	})
	for s.count(proto.TypeChanges) == 0 {
		time.Sleep(time.Millisecond)
	}
	for range 40 {
		all.Go(func() {
			if err := r.Ping(soon(t)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	close(release)
	waiter.Wait()
	if s.accepted > 3 {
		t.Errorf("%d connections", s.accepted)
	}
}

// A connection that has just ended is chosen no more, whether its reader has noticed or not.
func TestEndedConnectionIsNotChosen(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{Connections: 1, Retries: -1})
	r.pool.mu.Lock() // its reader needs this to drop it
	r.pool.conns[0].fail(&lostError{errGivenUp})
	best, count := r.pool.best(false)
	r.pool.mu.Unlock()
	if best != nil || count != 0 {
		t.Errorf("%d connections", count)
	}
	if err := r.Ping(soon(t)); err != nil {
		t.Error(err)
	}
}

func TestLogin(t *testing.T) {
	s := newServer(t)
	var tokens []string
	s.on(proto.TypeHello, func(q *request) {
		s.mu.Lock()
		tokens = append(tokens, q.header.(*proto.Hello).Token)
		s.mu.Unlock()
		q.normal()
	})
	opt := Options{Address: "sluice+plain://" + s.listener.Addr().String()}
	r, err := Dial(soon(t), opt)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Hello().Account != "" {
		t.Error("logged in without a token")
	}
	answer, err := r.Login(soon(t), "anna", "secret", "laptop")
	if err != nil || answer.Token != "new-token" || r.Token() != "new-token" {
		t.Fatalf("login: %+v, %v", answer, err)
	}
	if r.Hello().Account != "anna" {
		t.Error("the Remote does not know who it is after the log-in")
	}
	if fmt.Sprint(tokens) != "[ new-token]" {
		t.Errorf("tokens in hello: %q", tokens)
	}
	for _, bad := range []string{"", "a/b", "..", string(make([]byte, 300))} {
		if _, err := r.Login(soon(t), bad, "secret", "laptop"); ExitCode(err) != ExitUsage {
			t.Errorf("user %q: %v", bad, err)
		}
	}
}

func TestRevokedToken(t *testing.T) {
	s := newServer(t)
	s.on(proto.TypeHello, func(q *request) { q.refuse(Revoked) })
	_, err := Dial(soon(t), Options{Address: "sluice+plain://" + s.listener.Addr().String(), Token: "old"})
	if CodeOf(err) != Revoked || ExitCode(err) != ExitAuth {
		t.Errorf("%v", err)
	}
	if s.accepted != 1 {
		t.Errorf("tried %d times", s.accepted)
	}
}

func TestOtherServer(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	s.on(proto.TypeHello, func(q *request) {
		q.body()
		q.reply(&proto.HelloReply{Version: 1, Server: "ff112233445566778899aabbccddeeff", Account: "anna", Device: 1, Namespace: 1, Root: 1}, nil)
	})
	s.on(proto.TypePing, func(q *request) { // after the client has seen who answered
		time.Sleep(10 * time.Millisecond)
		q.normal()
	})
	s.cut()
	if err := r.Ping(soon(t)); !errors.Is(err, ErrOtherServer) || ExitCode(err) != ExitSafety {
		t.Errorf("%v", err)
	}
}

func TestObjects(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	bodies := [][]byte{[]byte("one"), {}, bytes.Repeat([]byte("x"), 100_000)}
	var objects []Object
	var hashes []Hash
	for _, b := range bodies {
		objects = append(objects, Object{Hash: Sum(b), Size: int64(len(b))})
		hashes = append(hashes, Sum(b))
	}
	objects = append(objects, Object{Hash: Hash{9}, Size: 3})
	failed, err := r.PutObjects(soon(t), objects, append(bodies, []byte("bad")))
	if err != nil || len(failed) != 1 || failed[0].Entry != 3 || failed[0].Code != HashMismatch {
		t.Fatalf("put: %v, %v", failed, err)
	}
	held, err := r.Have(soon(t), append(hashes, Hash{9}))
	if err != nil || !held.Get(0) || !held.Get(1) || !held.Get(2) || held.Get(3) {
		t.Fatalf("have: %v, %v", held, err)
	}
	buf := make([]byte, 200_000)
	got, err := r.GetObjects(soon(t), append(hashes, Hash{9}), buf)
	if err != nil || len(got) != 4 || got[3].Code != NotFound {
		t.Fatalf("get-objects: %v, %v", got, err)
	}
	for i, b := range bodies {
		if !bytes.Equal(got[i].Data, b) {
			t.Errorf("object %d differs", i)
		}
	}
	if &got[0].Data[0] != &buf[0] {
		t.Error("the caller's buffer was not used")
	}
}

// A call that is cancelled returns at once, wherever it is, and the Remote goes on working.
func TestCancel(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{Connections: 1})
	stuck := make(chan struct{})
	wait := func(q *request) {
		<-stuck
		q.end = true
	}
	s.on(proto.TypeChanges, wait)
	s.on(proto.TypePutObjects, wait) // does not read the body: the client is stuck sending
	big := make([]byte, MaxObjectsBody)
	for name, call := range map[string]func(context.Context) error{
		"waiting": func(ctx context.Context) error {
			_, err := r.Changes(ctx, ChangesRequest{Epoch: 7, WaitMs: 60_000})
			return err
		},
		"sending": func(ctx context.Context) error {
			_, err := r.PutObjects(ctx, []Object{{Hash: Sum(big), Size: int64(len(big))}}, [][]byte{big})
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(soon(t), 50*time.Millisecond)
		began := time.Now()
		err := call(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 5*time.Second {
			t.Errorf("%s: %v after %v", name, err, time.Since(began))
		}
		if err := r.Ping(soon(t)); err != nil {
			t.Errorf("ping after %s: %v", name, err)
		}
	}
	close(stuck)
}

func TestClose(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	s.on(proto.TypePing, func(q *request) {})
	ended := make(chan error)
	go func() { ended <- r.Ping(context.Background()) }()
	for s.count(proto.TypePing) == 0 {
		time.Sleep(time.Millisecond)
	}
	r.Close()
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("a call in flight: %v", err)
	}
	if err := r.Ping(soon(t)); !errors.Is(err, ErrClosed) {
		t.Errorf("a call after Close: %v", err)
	}
}

func TestTimeout(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{Timeout: 200 * time.Millisecond})
	s.on(proto.TypePing, func(q *request) {})
	err := r.Ping(soon(t))
	if !errors.Is(err, ErrTimeout) || ExitCode(err) != ExitTemporary {
		t.Errorf("%v", err)
	}
	if n := s.count(proto.TypePing); n != 2 {
		t.Errorf("tried %d times", n)
	}
}

func TestLimitRate(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	b := make([]byte, 400_000)
	s.keep(b)
	r.SetLimitRate(1_000_000)
	began := time.Now()
	if _, err := r.GetObjects(soon(t), []Hash{Sum(b)}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.PutObjects(soon(t), []Object{{Hash: Sum(b), Size: int64(len(b))}}, [][]byte{b}); err != nil {
		t.Fatal(err)
	}
	// 0.4 s each way, less the burst.
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("800,000 bytes in %v at 1,000,000 a second", took)
	}
}
