package e2e

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"sluice/internal/proto"
)

// startPair runs a server with users ann and bob.
func startPair(t *testing.T) *server {
	t.Helper()
	data := t.TempDir()
	addUser(t, data, "ann")
	addUser(t, data, "bob")
	return startServer(t, data)
}

// What ann has sent, bob need not send if he has it: single files and folders, also when the workers die meanwhile.
func TestInstantUpload(t *testing.T) {
	s := startPair(t)
	ann, bob := newMachine(t, s, "ann"), newMachine(t, s, "bob")
	dir := filepath.Join(ann.dir, "dir")
	for i, size := range []int{1 << 20, 3<<20 + 7, 8 << 20, 8<<20 + 1} {
		write(t, filepath.Join(dir, string(rune('a'+i))), content(uint64(i), size), 0o644, time.Unix(1, 0))
	}
	large := filepath.Join(ann.dir, "large")
	write(t, large, content(9, 70<<20), 0o644, time.Unix(1, 0))
	ann.must("push", dir, "home:d")
	ann.must("put", large, "home:large")

	before := s.bytesIn()
	for _, args := range [][]string{{filepath.Join(dir, "b"), "home:b"}, {"--hash-first", large, "home:large"}} {
		var got struct{ Instant bool }
		if out := bob.must(append([]string{"put", "--json"}, args...)...); json.Unmarshal([]byte(out), &got) != nil || !got.Instant {
			t.Errorf("put: %s", out)
		}
	}
	if sent := s.bytesIn() - before; sent > 1<<20 {
		t.Errorf("%d bytes were sent of what the server has", sent)
	}

	bob.must("rm", "home:b")
	c := bob.command("push", "--hash-first", dir, "home:d")
	var log logBuffer
	c.Stdout, c.Stderr = &log, &log
	must(t, c.Start())
	time.Sleep(150 * time.Millisecond)
	for _, pid := range s.workers() {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	if err := c.Wait(); err != nil {
		t.Fatalf("push while workers die: %v\n%s", err, log.String())
	}
	back := filepath.Join(bob.dir, "back")
	bob.must("pull", "home:d", back)
	same(t, dir, back)
	s.answers()
}

// Whoever has only the hash gets the same words, no earlier and no later, whether the content is there or not.
func TestProofsTellNothing(t *testing.T) {
	s := startPair(t)
	ann := s.login("ann")
	defer ann.close()
	there := content(1, proto.MaxObjectsBody)
	object := proto.Object{Hash: blake3(there), Size: int64(len(there))}
	if c := ann.ask(proto.TypePutObjects, &proto.PutObjects{Objects: []proto.Object{object}}, there).code(t); c != proto.OK {
		t.Fatal(c)
	}
	bob := s.dial()
	defer bob.close()
	bob.ask(proto.TypeHello, &proto.Hello{Versions: []uint8{proto.Version}}, nil)
	login, err := proto.ParseLoginReply(bob.ask(proto.TypeLogin, &proto.Login{User: "bob", Password: password, Device: "wire"}, nil).header)
	must(t, err)
	token := login.Token

	const tries = 8
	var mu sync.Mutex
	var group sync.WaitGroup
	words := make(map[string]int)
	took := make(map[bool][]time.Duration)
	for i := range 2 * tries {
		known := i%2 == 0
		h := object.Hash
		if !known {
			h[0]++
		}
		w := s.dial() // to whichever worker: all know the challenges of the others
		defer w.close()
		w.ask(proto.TypeHello, &proto.Hello{Versions: []uint8{proto.Version}, Token: token}, nil)
		have, err := proto.ParseHaveReply(bob.ask(proto.TypeHave, &proto.Have{Hashes: []proto.Hash{h}, Sizes: []int64{object.Size}}, nil).header)
		if err != nil || have.Held.Get(0) || len(have.Challenges) != 1 {
			t.Fatalf("have: %+v, %v", have, err)
		}
		p := proto.Proof{Hash: h, Size: object.Size, Nonce: have.Challenges[0].Nonce, Tags: bytes.Repeat([]byte{byte(i)}, 8*proto.TagLen)}
		group.Go(func() {
			began := time.Now()
			r := w.ask(proto.TypeProve, &proto.Prove{Proofs: []proto.Proof{p}}, nil)
			mu.Lock()
			defer mu.Unlock()
			took[known] = append(took[known], time.Since(began))
			words[string(r.header)]++
		})
	}
	group.Wait()
	if words[`{"linked":"00"}`] != 2*tries {
		t.Errorf("answers %v", words)
	}
	var median [2]time.Duration
	for i, known := range []bool{true, false} {
		slices.Sort(took[known])
		median[i] = took[known][tries/2]
		if least := took[known][0]; least < 250*time.Millisecond {
			t.Errorf("answered after %v", least)
		}
	}
	t.Logf("median for one that is there %v, for one that is not %v", median[0], median[1])
	if (median[0] - median[1]).Abs() > 125*time.Millisecond {
		t.Error("the time tells them apart")
	}
	s.answers()
}
