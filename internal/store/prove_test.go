package store

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"sluice/internal/db"
	"sluice/internal/hash"
	"sluice/internal/proof"
)

// answer makes the proof that an honest client of w would make for a nonce.
func answer(t testing.TB, s *Store, w Who, nonce, content []byte) Possession {
	t.Helper()
	c := proof.Challenge{Nonce: nonce, Server: s.ServerID(), Account: w.Name, Hash: hash.Sum(content), Size: int64(len(content))}
	tags, err := c.Tags(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return Possession{Hash: c.Hash, Size: c.Size, Nonce: nonce, Tags: tags}
}

// challenged asks for a challenge and answers it.
func challenged(t testing.TB, s *Store, w Who, content []byte) Possession {
	t.Helper()
	nonce := s.Challenge(w, hash.Sum(content), int64(len(content)))
	if nonce == nil {
		t.Fatal("no challenge")
	}
	return answer(t, s, w, nonce, content)
}

func prove(t testing.TB, s *Store, w Who, all ...Possession) []bool {
	t.Helper()
	linked, err := s.Prove(w, all)
	if err != nil {
		t.Fatal(err)
	}
	return linked
}

// drop ends all holds, and forgets none of the nonces.
func drop(t testing.TB, s *Store) {
	t.Helper()
	err := s.write(func(tx *db.Tx) error {
		_, err := tx.SweepHolds(afterHolds().UnixNano(), 1000)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// newPair is a data folder where ann holds contents, and bob's worker.
func newPair(t testing.TB, quota int64, contents ...[]byte) (data string, s *Store, ann, bob Who) {
	t.Helper()
	data = newFolder(t, 0)
	addAccount(t, data, "bob", quota)
	s = openSlot(t, data, 0, nil)
	ann, bob = account(t, s, "ann"), account(t, s, "bob")
	ann.Device, bob.Device = 1, 2
	for i, c := range contents {
		if len(c) <= ChunkSize {
			if _, err := put(s, ann, c); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := uploadWhole(s, ann, byte(100+i), c, int64(len(c))); err != nil {
			t.Fatal(err)
		}
	}
	return data, s, ann, bob
}

func TestProve(t *testing.T) {
	t.Parallel()
	contents := [][]byte{bytesOf(1, proof.Least), bytesOf(2, 3*proof.Least+7), bytesOf(3, ChunkSize+5), bytes.Repeat([]byte{7}, proof.Whole+99)}
	data, s, _, bob := newPair(t, 0, contents...)
	other := openSlot(t, data, 1, nil) // another worker takes the proofs
	total := int64(0)
	for _, c := range contents {
		if got := prove(t, other, bob, challenged(t, s, bob, c)); !got[0] {
			t.Errorf("%d bytes were not linked", len(c))
		}
		total += int64(len(c))
	}
	wantContents(t, s, bob, contents...)
	if held := usage(t, s, bob); held != total {
		t.Errorf("charged %d for %d", held, total)
	}
	// What is held needs no proof, and is charged once.
	if got := prove(t, s, bob, Possession{Hash: hash.Sum(contents[0]), Size: proof.Least}); !got[0] {
		t.Error("what is held is not linked")
	}
	if held := usage(t, s, bob); held != total {
		t.Errorf("charged %d for %d", held, total)
	}
	audit(t, data, true)
}

// Nobody gets a content he does not have, whatever he knows of it; and each attempt is answered with the same no.
func TestProveAttacks(t *testing.T) {
	t.Parallel()
	content := bytesOf(1, 3*proof.Least)
	large := bytes.Repeat([]byte{7}, proof.Whole+1)
	unfinished := bytesOf(3, proof.Least+1)
	data, s, ann, bob := newPair(t, 0, content, large)
	addAccount(t, data, "carol", 0)
	carol := account(t, s, "carol")
	u := openUpload(t, s, ann, int64(len(unfinished)))
	if err := chunk(s, ann, u, 0, unfinished); err != nil {
		t.Fatal(err)
	}
	small := bytesOf(4, proof.Least-1)
	if _, err := put(s, ann, small); err != nil {
		t.Fatal(err)
	}
	phone := bob
	phone.Device = 99
	half := slices.Clone(content)
	clear(half[len(half)/2:])
	lower := slices.Clone(content)
	for i := range lower {
		lower[i] &= 0x0F
	}
	of := func(content []byte, change func(p *Possession)) Possession {
		p := challenged(t, s, bob, content)
		change(&p)
		return p
	}
	pretend := func(having, known []byte) Possession {
		p := challenged(t, s, bob, known)
		p.Hash, p.Size = hash.Sum(having), int64(len(having))
		p.Nonce = s.Challenge(bob, p.Hash, p.Size)
		c := proof.Challenge{Nonce: p.Nonce, Server: s.ServerID(), Account: bob.Name, Hash: p.Hash, Size: p.Size}
		p.Tags, _ = c.Tags(bytes.NewReader(known))
		return p
	}
	used := challenged(t, s, bob, content)
	wrong := used
	wrong.Tags = bytes.Repeat([]byte{1}, len(used.Tags))
	if got := prove(t, s, bob, wrong); got[0] {
		t.Fatal("a wrong proof is taken")
	}
	ended := s.subject(bob, hash.Sum(content), int64(len(content))).NewNonce(s.secret, now()-1)
	for name, p := range map[string]Possession{
		"the hash only, tags of zeros": pretend(content, make([]byte, len(content))),
		"the hash only, no such tags":  of(content, func(p *Possession) { p.Tags = make([]byte, len(p.Tags)) }),
		"half of the bytes":            pretend(content, half),
		"half of each byte":            pretend(content, lower),
		"half of a large one":          pretend(large, append(bytes.Repeat([]byte{7}, len(large)/2), make([]byte, len(large)-len(large)/2)...)),
		"all but the last range":       of(content, func(p *Possession) { p.Tags = p.Tags[:len(p.Tags)-proof.TagLen] }),
		"a tag more":                   of(content, func(p *Possession) { p.Tags = append(p.Tags, p.Tags[:proof.TagLen]...) }),
		"tags in another order": of(content, func(p *Possession) {
			p.Tags = append(slices.Clone(p.Tags[proof.TagLen:]), p.Tags[:proof.TagLen]...)
		}),
		"a used nonce":                  used,
		"a nonce that has ended":        answer(t, s, bob, ended[:], content),
		"a nonce of another account":    answer(t, s, bob, s.Challenge(carol, hash.Sum(content), int64(len(content))), content),
		"a nonce of another device":     answer(t, s, bob, s.Challenge(phone, hash.Sum(content), int64(len(content))), content),
		"a nonce of another content":    answer(t, s, bob, s.Challenge(bob, hash.Sum(large), int64(len(content))), content),
		"a nonce of another size":       answer(t, s, bob, s.Challenge(bob, hash.Sum(content), int64(len(content))+1), content),
		"a nonce of one's own making":   answer(t, s, bob, bytes.Repeat([]byte{5}, proof.NonceLen), content),
		"tags made for another account": answer(t, s, carol, s.Challenge(bob, hash.Sum(content), int64(len(content))), content),
		"another size": of(content, func(p *Possession) {
			p.Size++
			p.Nonce = s.Challenge(bob, p.Hash, p.Size)
		}),
		"a content that nobody has":      challenged(t, s, bob, bytesOf(9, proof.Least)),
		"an upload that is not finished": challenged(t, s, bob, unfinished),
		"a content that is too small": answer(t, s, bob,
			func() []byte {
				n := s.subject(bob, hash.Sum(small), int64(len(small))).NewNonce([32]byte{}, now()+int64(time.Hour))
				return n[:]
			}(), small),
	} {
		if got := prove(t, s, bob, p); got[0] {
			t.Errorf("%s: linked", name)
		}
		if _, err := get(s, bob, p.Hash); err != ErrNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s.Challenge(bob, hash.Sum(small), int64(len(small))) != nil {
		t.Error("a challenge for a content below 1 MiB")
	}
	if held := usage(t, s, bob); held != 0 {
		t.Errorf("charged %d for nothing", held)
	}
	// Many at once: each has its own fate.
	got := prove(t, s, bob, of(content, func(p *Possession) { p.Tags[5] ^= 1 }), challenged(t, s, bob, content), challenged(t, s, bob, bytesOf(9, proof.Least)))
	if !slices.Equal(got, []bool{false, true, false}) {
		t.Errorf("linked %v", got)
	}
	audit(t, data, true)
}

// A proof is good once: heard by somebody, or kept for the day when the content is no longer held, it is of no use.
func TestProofIsGoodOnce(t *testing.T) {
	t.Parallel()
	content := bytesOf(1, proof.Least)
	_, s, ann, bob := newPair(t, 0, content)
	mustApply(t, s, ann, Change{Op: OpPut, Parent: Place{Node: ann.Root}, Name: "kept", Kind: KindFile, Hash: hash.Sum(content),
		Size: int64(len(content)), Mode: 0o644, Expect: ExpectAny})
	p := challenged(t, s, bob, content)
	if got := prove(t, s, bob, p); !got[0] {
		t.Fatal("not linked")
	}
	drop(t, s)
	if got := prove(t, s, bob, p); got[0] {
		t.Error("the same proof is taken twice")
	}
	if err := s.sweep(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := prove(t, s, bob, p); got[0] {
		t.Error("a sweep forgets a nonce that has not ended")
	}
	if err := s.sweep(t.Context(), time.Now().Add(2*nonceKept)); err != nil {
		t.Fatal(err)
	}
	err := s.read(func(tx *db.Tx) error {
		used, err := tx.NonceUsed(p.Nonce[:16])
		if used {
			t.Error("nonces that have ended are never forgotten")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// Of the same proof in many requests at once one is taken.
func TestProofsAtOnce(t *testing.T) {
	t.Parallel()
	content := bytesOf(1, proof.Least)
	data, s, _, bob := newPair(t, 0, content)
	p := challenged(t, s, bob, content)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := s.Prove(bob, []Possession{p, p}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if held := usage(t, s, bob); held != int64(len(content)) {
		t.Errorf("charged %d for %d", held, len(content))
	}
	audit(t, data, true)
}

// A content that nobody names any more is as good as any other until it is collected, and is not doomed afterwards.
func TestProveDoomed(t *testing.T) {
	t.Parallel()
	content := bytesOf(1, proof.Least)
	data, s, _, bob := newPair(t, 0, content)
	drop(t, s)
	if got := prove(t, s, bob, challenged(t, s, bob, content)); !got[0] {
		t.Error("not linked")
	}
	err := s.read(func(tx *db.Tx) error {
		_, err := db.TableOf(tx).Row(`SELECT 1 FROM content WHERE doomed IS NOT NULL`, nil)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	wantContents(t, s, bob, content)
	audit(t, data, true)
}

// A content that went between the look at its bytes and the transaction is not linked.
func TestProveCollectedMeanwhile(t *testing.T) {
	t.Parallel()
	content := bytesOf(1, proof.Least)
	data, s, _, bob := newPair(t, 0, content)
	p := challenged(t, s, bob, content)
	slow := openSlot(t, data, 1, func(step string) error {
		if step == "possession verified" {
			drop(t, s)
			return s.write(func(tx *db.Tx) error {
				_, _, err := db.TableOf(tx).Exec(`UPDATE content SET complete = 0 WHERE refs = 0`)
				return err
			})
		}
		return nil
	})
	if got := prove(t, slow, bob, p); got[0] {
		t.Error("linked to a content that is gone")
	}
	if err := s.discardAll(); err != nil {
		t.Error(err)
	}
	audit(t, data, true)
}

func TestProveOverQuota(t *testing.T) {
	t.Parallel()
	first, second := bytesOf(1, proof.Least), bytesOf(2, proof.Least+1)
	data, s, _, bob := newPair(t, proof.Least+10, first, second)
	got := prove(t, s, bob, challenged(t, s, bob, first), challenged(t, s, bob, second))
	if !slices.Equal(got, []bool{true, false}) {
		t.Errorf("linked %v", got)
	}
	if held := usage(t, s, bob); held != proof.Least {
		t.Errorf("charged %d", held)
	}
	audit(t, data, true)
}

func TestProveTooMuch(t *testing.T) {
	t.Parallel()
	_, s, _, bob := newPair(t, 0)
	if _, err := s.Prove(bob, []Possession{{Size: MaxProven}, {Size: proof.Least}}); !errors.Is(err, ErrRange) {
		t.Error(err)
	}
	if _, err := s.Prove(bob, slices.Repeat([]Possession{{Size: 1 << 40}}, 16)); err != nil {
		t.Error(err)
	}
}

func TestInstantPolicy(t *testing.T) {
	t.Parallel()
	content, own := bytesOf(1, proof.Least), bytesOf(2, proof.Least)
	data, s, _, bob := newPair(t, 0, content)
	if _, err := put(s, bob, own); err != nil {
		t.Fatal(err)
	}
	good := challenged(t, s, bob, content)
	for policy, want := range map[Instant][]bool{InstantOwn: {false, true}, InstantOff: {false, false}} {
		p, err := Open(Config{Data: data, Slot: 3, Policy: Policy{Instant: policy}})
		if err != nil {
			t.Fatal(err)
		}
		if p.Challenge(bob, hash.Sum(content), proof.Least) != nil {
			t.Errorf("%s: a challenge", policy)
		}
		held, err := p.Have(bob, [][32]byte{hash.Sum(content), hash.Sum(own)})
		if err != nil || !slices.Equal(held, want) {
			t.Errorf("%s: have answers %v, %v", policy, held, err)
		}
		if got := prove(t, p, bob, good, Possession{Hash: hash.Sum(own), Size: proof.Least}); !slices.Equal(got, want) {
			t.Errorf("%s: linked %v", policy, got)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := prove(t, s, bob, good); got[0] {
		t.Error("a nonce is good again under another policy")
	}
}

// What somebody else holds is unknown, and challenged, just as what nobody has.
func TestChallengesTellNothing(t *testing.T) {
	t.Parallel()
	content := bytesOf(1, proof.Least)
	_, s, _, bob := newPair(t, 0, content)
	held, err := s.Have(bob, [][32]byte{hash.Sum(content), {1}})
	if err != nil || held[0] || held[1] {
		t.Errorf("%v %v", held, err)
	}
	for _, h := range [][32]byte{hash.Sum(content), {1}} {
		if len(s.Challenge(bob, h, proof.Least)) != proof.NonceLen {
			t.Error("no challenge")
		}
	}
}

// A question for a thousand hashes that somebody else holds takes as long as one for a thousand that nobody holds. The
// shortest of many, taken in turns, are compared: it was six times as long once.
func TestHaveTimeTellsNothing(t *testing.T) {
	content := bytesOf(1, 3000)
	_, s, ann, bob := newPair(t, 0, content)
	for i := range 200 {
		if _, err := put(s, ann, bytesOf(uint64(1000+i), 300)); err != nil {
			t.Fatal(err)
		}
	}
	best := [2]time.Duration{time.Hour, time.Hour}
	for range 60 {
		for i, h := range [][32]byte{hash.Sum(content), {1}} {
			began := time.Now()
			if _, err := s.Have(bob, slices.Repeat([][32]byte{h}, 1000)); err != nil {
				t.Fatal(err)
			}
			best[i] = min(best[i], time.Since(began))
		}
	}
	t.Logf("somebody else's %v, nobody's %v", best[0], best[1])
	if best[0] > 2*best[1] || best[1] > 2*best[0] {
		t.Error("the time tells them apart")
	}
}
