package client

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/proto"
)

// Whatever ends a connection before the whole reply is there, the request is sent again, with the same key.
func TestLostConnections(t *testing.T) {
	good := &proto.CommitReply{Journal: 4, Entries: []Changed{{Node: 5, Version: 4}}}
	for name, step := range map[string]func(*request){
		"before the reply": func(q *request) {},
		"in the prelude":   func(q *request) { q.conn.Write(q.frame(0, good.Append(nil), nil)[:7]) },
		"in the header":    func(q *request) { q.conn.Write(q.frame(0, good.Append(nil), nil)[:30]) },
		"reset":            func(q *request) { q.conn.(*net.TCPConn).SetLinger(0) },
		"draining":         func(q *request) { q.closing = true; q.refuse(proto.Draining) },
		"busy":             func(q *request) { q.refuse(proto.Busy) },
		"last word":        func(q *request) { q.prelude.Type, q.prelude.Number = 0, 0; q.refuse(proto.Busy) },
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			s := newServer(t)
			r := s.dial(Options{})
			var keys []Key
			s.on(proto.TypeCommit, func(q *request) {
				keys = append(keys, q.header.(*proto.Commit).Key)
				if len(keys) < 3 {
					step(q)
					q.end = true
					return
				}
				q.reply(good, nil)
			})
			got, err := r.Commit(soon(t), &CommitRequest{Changes: []Change{{Op: OpDelete, Node: 5, Expect: ExpectAny}}})
			if err != nil || got.Journal != 4 {
				t.Fatalf("%+v, %v", got, err)
			}
			if len(keys) != 3 || keys[0] == (Key{}) || keys[0] != keys[1] || keys[1] != keys[2] {
				t.Errorf("keys %x", keys)
			}
		})
	}
}

func TestRetriesEnd(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{Retries: 2})
	s.on(proto.TypePing, func(q *request) { q.end = true })
	err := r.Ping(soon(t))
	if !errors.Is(err, io.EOF) || ExitCode(err) != ExitTemporary {
		t.Errorf("%v", err)
	}
	if n := s.count(proto.TypePing); n != 3 {
		t.Errorf("tried %d times", n)
	}
}

func TestNotTriedAgain(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	s.on(proto.TypeQuota, func(q *request) { q.refuse(Forbidden) })
	if _, err := r.Quota(soon(t)); CodeOf(err) != Forbidden {
		t.Error(err)
	}
	s.on(proto.TypeHave, func(q *request) {
		q.conn.Write(q.frame(proto.FlagError, (&proto.Error{Code: proto.TooManyTries, Entry: -1, RetryMs: 3_600_000}).Append(nil), nil))
	})
	if _, err := r.Have(soon(t), []Hash{{1}}); CodeOf(err) != proto.TooManyTries || ExitCode(err) != ExitTemporary {
		t.Error(err)
	}
	if s.count(proto.TypeQuota) != 1 || s.count(proto.TypeHave) != 1 {
		t.Error("tried again")
	}
}

// The server says how long to wait.
func TestRetryMs(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	var tries atomic.Int32
	s.on(proto.TypePing, func(q *request) {
		if tries.Add(1) == 1 {
			q.conn.Write(q.frame(proto.FlagError, (&proto.Error{Code: proto.Busy, Entry: -1, RetryMs: 300}).Append(nil), nil))
			return
		}
		q.normal()
	})
	began := time.Now()
	if err := r.Ping(soon(t)); err != nil || time.Since(began) < 300*time.Millisecond {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	began := time.Now()
	_, err = Dial(soon(t), Options{Address: "sluice+plain://" + listener.Addr().String()})
	if ExitCode(err) != ExitTemporary || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

// After a reply flagged closing the connection is used no more; what is on its way still gets its answer.
func TestClosingFlag(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{Connections: 1})
	s.on(proto.TypePing, func(q *request) {
		q.closing = true
		q.normal()
	})
	for i := range 3 {
		if err := r.Ping(soon(t)); err != nil {
			t.Fatalf("ping %d: %v", i, err)
		}
	}
	if s.accepted != 3 {
		t.Errorf("%d connections for 3 pings", s.accepted)
	}
	if s.count(proto.TypePing) != 3 {
		t.Errorf("%d pings for 3", s.count(proto.TypePing))
	}
}

// A server that comes back after a while is found again.
func TestServerComesBack(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	address := s.listener.Addr().String()
	s.listener.Close()
	s.cut()
	time.AfterFunc(300*time.Millisecond, func() {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		s.mu.Lock()
		s.listener = listener
		s.mu.Unlock()
		s.running.Go(s.accept)
	})
	if err := r.Ping(soon(t)); err != nil {
		t.Error(err)
	}
}

// An error that comes while the body is being sent ends the request at once; the server does not read the rest.
func TestEarlyReply(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{Connections: 1})
	b := bytes.Repeat([]byte("x"), MaxObjectsBody)
	linger := make(chan struct{})
	s.on(proto.TypePutObjects, func(q *request) {
		q.refuse(OverQuota)
		<-linger
		q.end = true
	})
	began := time.Now()
	_, err := r.PutObjects(soon(t), []Object{{Hash: Sum(b), Size: int64(len(b))}}, [][]byte{b})
	if CodeOf(err) != OverQuota || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	close(linger)
	if err := r.Ping(soon(t)); err != nil {
		t.Errorf("ping after it: %v", err)
	}
}

// The reason a server gave before it closed counts, also when writing fails first.
func TestRefusedAndClosed(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{Connections: 1})
	b := bytes.Repeat([]byte("x"), MaxObjectsBody)
	s.on(proto.TypePutObjects, func(q *request) {
		q.refuse(OverQuota)
		q.end = true
	})
	for range 5 {
		_, err := r.PutObjects(soon(t), []Object{{Hash: Sum(b), Size: int64(len(b))}}, [][]byte{b})
		if CodeOf(err) != OverQuota {
			t.Errorf("%v", err)
		}
	}
}

// An error for a body that was read whole leaves the connection alone.
func TestRefusedBodyKeepsConnection(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{Connections: 1})
	b := bytes.Repeat([]byte("x"), 1<<20)
	s.on(proto.TypePutObjects, func(q *request) {
		q.body()
		q.refuse(OverQuota)
	})
	for range 20 {
		if _, err := r.PutObjects(soon(t), []Object{{Hash: Sum(b), Size: int64(len(b))}}, [][]byte{b}); CodeOf(err) != OverQuota {
			t.Fatal(err)
		}
	}
	if s.accepted != 1 {
		t.Errorf("%d connections", s.accepted)
	}
}
