package handler

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"sluice/internal/hash"
	"sluice/internal/proof"
	"sluice/internal/proto"
	"sluice/internal/store"
)

// The wire's limits are those of what it carries.
func TestProofLimits(t *testing.T) {
	if proto.LeastProof != proof.Least || proto.NonceLen != proof.NonceLen || proto.TagLen != proof.TagLen || proto.MaxTags != proof.MaxTags ||
		proto.MaxObjectsBody > store.MaxProven {
		t.Error("they are not")
	}
}

// prove sends a prove; it is answered at a fixed time after it came.
func (r *rig) prove(p *Peer, h *proto.Prove) (header []byte) {
	r.t.Helper()
	row := r.service.Row(proto.TypeProve)
	c := &Call{Context: context.Background(), Peer: p, Type: proto.TypeProve, Header: h}
	before := time.Now()
	park, ok := row.Begin(r.service, c).(Park)
	after := time.Now()
	if !ok || !park.Deaf {
		r.t.Fatal("the answer is given at once")
	}
	if park.Until.Before(before.Add(proveTakes)) || park.Until.Before(after) || park.Until.After(after.Add(proveTakes)) {
		r.t.Errorf("begun %v, done %v, answered %v", before, after, park.Until)
	}
	header, _ = r.good(row.Resume(r.service, c, Limit))
	return header
}

// challenge asks for one content, and answers with its tags under this nonce.
func (r *rig) challenge(p *Peer, h proto.Hash, known []byte) proto.Proof {
	r.t.Helper()
	raw, _ := r.good(r.ask(p, proto.TypeHave, &proto.Have{Hashes: []proto.Hash{h}, Sizes: []int64{int64(len(known))}}, nil))
	have, err := proto.ParseHaveReply(raw)
	if err != nil || len(have.Challenges) != 1 {
		r.t.Fatalf("no challenge: %v", err)
	}
	c := proof.Challenge{Nonce: have.Challenges[0].Nonce, Server: r.store.ServerID(), Account: p.Who.Name, Hash: h, Size: int64(len(known))}
	tags, err := c.Tags(bytes.NewReader(known))
	if err != nil {
		r.t.Fatal(err)
	}
	return proto.Proof{Hash: h, Size: c.Size, Nonce: c.Nonce, Tags: tags}
}

// All that is not linked is answered with the same bytes.
func TestProveSaysNoInOneWay(t *testing.T) {
	r := newRig(t)
	ann, bob := r.login("ann"), r.login("bob")
	content, absent := pattern(1, proof.Least), pattern(2, proof.Least)
	r.put(ann, map[string][]byte{"a": content})
	known, unknown := proto.Hash(hash.Sum(content)), proto.Hash(hash.Sum(absent))
	no := `{"linked":"00"}`
	used := r.challenge(bob, known, absent)
	for name, p := range map[string]proto.Proof{
		"there, wrong":  used,
		"absent":        r.challenge(bob, unknown, absent),
		"absent, wrong": r.challenge(bob, unknown, content),
	} {
		if got := string(r.prove(bob, &proto.Prove{Proofs: []proto.Proof{p}})); got != no {
			t.Errorf("%s: %s", name, got)
		}
	}
	right := r.challenge(bob, known, content)
	used.Tags = right.Tags
	made := right
	made.Nonce = make([]byte, proto.NonceLen)
	for name, p := range map[string]proto.Proof{"a used nonce": used, "a nonce that was not given": made} {
		if got := string(r.prove(bob, &proto.Prove{Proofs: []proto.Proof{p}})); got != no {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := string(r.prove(bob, &proto.Prove{Proofs: []proto.Proof{right}})); got != `{"linked":"01"}` {
		t.Errorf("the right proof: %s", got)
	}
	raw, _ := r.good(r.ask(bob, proto.TypeHave, &proto.Have{Hashes: []proto.Hash{known}, Sizes: []int64{proof.Least}}, nil))
	if string(raw) != `{"held":"01"}` {
		t.Errorf("have: %s", raw)
	}
	raw, _ = r.good(r.ask(bob, proto.TypeHave, &proto.Have{Hashes: []proto.Hash{unknown}}, nil))
	if string(raw) != `{"held":"00"}` {
		t.Errorf("have without a size: %s", raw)
	}
}

// What proves too much is refused, at its fixed time too.
func TestProveTooMuch(t *testing.T) {
	r := newRig(t)
	p := r.login("ann")
	h := &proto.Prove{}
	for range 2 {
		h.Proofs = append(h.Proofs, proto.Proof{Size: proof.Whole, Nonce: make([]byte, proto.NonceLen), Tags: make([]byte, proto.TagLen)})
	}
	out := r.service.Row(proto.TypeProve).Begin(r.service, &Call{Context: context.Background(), Peer: p, Header: h})
	if _, ok := out.(Park); !ok {
		t.Errorf("%s at once", fmt.Sprintf("%T", out))
	}
}
