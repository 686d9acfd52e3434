package client

import (
	"bytes"
	"io"
	"sync"
	"testing"
	"time"

	"sluice/internal/proof"
	"sluice/internal/proto"
)

// proving makes the server know contents of others, which it challenges like all that is large and not held.
func (s *server) proving(others ...[]byte) {
	known := make(map[Hash][]byte)
	for _, b := range others {
		known[Sum(b)] = b
	}
	nonce := bytes.Repeat([]byte{7}, proto.NonceLen)
	s.on(proto.TypeHave, func(q *request) {
		q.body()
		h := q.header.(*proto.Have)
		answer := &proto.HaveReply{Held: proto.NewBitmap(len(h.Hashes))}
		for i, one := range h.Hashes {
			if _, found := q.content(one); found {
				answer.Held.Set(i)
			} else if h.Sizes != nil && h.Sizes[i] >= LeastProof {
				answer.Challenges = append(answer.Challenges, Challenge{Index: i, Nonce: nonce})
			}
		}
		q.reply(answer, nil)
	})
	s.on(proto.TypeProve, func(q *request) {
		q.body()
		h := q.header.(*proto.Prove)
		answer := &proto.ProveReply{Linked: proto.NewBitmap(len(h.Proofs))}
		for i, p := range h.Proofs {
			b, there := known[p.Hash]
			c := proof.Challenge{Nonce: nonce, Server: serverID, Account: "anna", Hash: p.Hash, Size: p.Size}
			if want, err := c.Tags(bytes.NewReader(b)); there && err == nil && bytes.Equal(want, p.Tags) {
				answer.Linked.Set(i)
				q.keep(b)
			}
		}
		q.reply(answer, nil)
	})
}

func objectsOf(all ...[]byte) (objects []Object, content func(i int) io.ReaderAt) {
	for _, b := range all {
		objects = append(objects, Object{Hash: Sum(b), Size: int64(len(b))})
	}
	return objects, func(i int) io.ReaderAt { return bytes.NewReader(all[i]) }
}

func TestSpare(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	held, others, fresh, small := random(100), random(LeastProof+5), random(LeastProof+6), random(200)
	s.keep(held)
	s.proving(others, small)
	objects, content := objectsOf(held, others, fresh, small)
	waited := 0
	got, err := r.Spare(soon(t), objects, content, Sparing{Waits: func() { waited++ }})
	if err != nil || !bytes.Equal(got, []byte{0b0011}) || waited != 1 {
		t.Errorf("%08b, %v, waited %d times", got, err, waited)
	}
	if n := s.count(proto.TypeProve); n != 1 {
		t.Errorf("%d requests", n)
	}
	got, err = r.Spare(soon(t), objects, content, Sparing{})
	if err != nil || !bytes.Equal(got, []byte{0b0011}) {
		t.Errorf("again: %08b, %v", got, err)
	}
	// Who holds nothing asks for what could be proven only.
	before := s.count(proto.TypeHave)
	objects, content = objectsOf(random(5), random(6))
	if got, err = r.Spare(soon(t), objects, content, Sparing{Nothing: true}); err != nil || got.Get(0) || s.count(proto.TypeHave) != before {
		t.Errorf("%08b, %v, %d more questions", got, err, s.count(proto.TypeHave)-before)
	}
}

// A proof waits by itself: other requests do not queue behind it.
func TestProveWaitsAlone(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{Connections: 1})
	s.proving()
	release := make(chan struct{})
	s.on(proto.TypeProve, func(q *request) {
		q.body()
		<-release
		q.reply(&proto.ProveReply{Linked: Bitmap{0}}, nil)
	})
	objects, content := objectsOf(random(LeastProof))
	var group sync.WaitGroup
	waiting := make(chan struct{})
	group.Go(func() {
		if _, err := r.Spare(soon(t), objects, content, Sparing{Waits: func() { close(waiting) }}); err != nil {
			t.Error(err)
		}
	})
	<-waiting
	for range 20 {
		if err := r.Ping(soon(t)); err != nil {
			t.Error(err)
		}
	}
	close(release)
	group.Wait()
}

func TestWhenProofsAreTried(t *testing.T) {
	try := func(p *proofs, n, linked int) bool {
		if !p.want(n, false) {
			return false
		}
		p.told(n, n, linked)
		return true
	}
	p := newProofs()
	for i := range 4 {
		if !try(p, 2, 0) {
			t.Fatalf("not tried after %d", i)
		}
	}
	for range 100 {
		if try(p, 1, 0) {
			t.Fatal("tried again in a run that has just begun")
		}
	}
	p.began = time.Now().Add(-proofShare * ProveTakes)
	tried := 0
	for range 160 {
		if try(p, 1, 0) {
			tried++
		}
	}
	if tried != 1 {
		t.Errorf("tried %d times within a fiftieth of the time", tried)
	}
	p.began = time.Now().Add(-100 * proofShare * ProveTakes)
	tried = 0
	for range 160 {
		if try(p, 1, 0) {
			tried++
		}
	}
	if tried != 10 {
		t.Errorf("1 in 16 of 160 are %d", tried)
	}
	for range 100 {
		if try(p, 1, 1) {
			break
		}
	}
	for i := range 50 {
		if !try(p, 2, 1) {
			t.Fatalf("not tried after %d were linked", i)
		}
	}
	if !try(p, 1, 0) || try(p, 1, 0) {
		t.Error("tried on after one was not linked")
	}
	if !p.want(1, true) {
		t.Error("not tried though somebody asked for it")
	}
	// What was held already, or had no challenge, was no try.
	p = newProofs()
	for range 100 {
		if !p.want(8, false) {
			t.Fatal("not tried")
		}
		p.told(8, 0, 0)
	}
	p.silent()
	if p.want(1, true) {
		t.Error("a server that takes no proofs is asked again")
	}
}

func TestPick(t *testing.T) {
	var challenges []Challenge
	var objects []Object
	for i := range 40 {
		challenges = append(challenges, Challenge{Index: i})
		objects = append(objects, Object{Size: 1 << 40})
	}
	if claims, _ := pick(challenges, objects, func(int) io.ReaderAt { return nil }); len(claims) != proto.MaxProofs {
		t.Errorf("%d large ones", len(claims))
	}
	for i := range objects {
		objects[i].Size = 8 << 20
	}
	if claims, which := pick(challenges[1:], objects, func(int) io.ReaderAt { return nil }); len(claims) != 8 || which[0] != 1 {
		t.Errorf("%d of 8 MiB: %v", len(claims), which)
	}
}
