package store

import (
	"bytes"
	"errors"
	"testing"

	"sluice/internal/db"
	"sluice/internal/hash"
)

func TestProbe(t *testing.T) {
	data := newFolder(t, 0)
	addAccount(t, data, "bob", 0)
	s := openSlot(t, data, 0, nil)
	ann, bob := account(t, s, "ann"), account(t, s, "bob")
	content := bytesOf(4, ChunkSize+5000)
	size, sum := int64(len(content)), hash.Sum(content)
	probe := func(w Who, b []byte) Likeness {
		t.Helper()
		l, err := s.Probe(w, int64(len(b)), opening(b, int64(len(b))).Probe)
		must(t, err)
		return l
	}
	if l := probe(ann, content); l != (Likeness{}) {
		t.Errorf("nothing is there, and yet %+v", l)
	}
	u, err := number(s.UploadOpen(ann, newOnce(12), opening(content, size), numberReply))
	must(t, err)
	if l := probe(ann, content); !l.Partial || l.Held != nil || l.Relative != nil {
		t.Errorf("%+v", l)
	}
	if l := probe(bob, content); l.Partial {
		t.Error("another account's upload is told")
	}
	chunks(t, s, ann, u, content, 0, 1)
	_, err = s.UploadSeal(ann, newOnce(14), u, size, sum, nil)
	must(t, err)
	if l := probe(ann, content); l.Held == nil || *l.Held != sum || l.Partial || l.Relative != nil {
		t.Errorf("%+v", l)
	}
	if l := probe(bob, content); l != (Likeness{}) {
		t.Errorf("another account's content is told: %+v", l)
	}
	longer := append(bytes.Clone(content), 1, 2, 3) // the same head
	if l := probe(ann, longer); l.Held != nil || l.Relative == nil || *l.Relative != sum || l.RelativeSize != size {
		t.Errorf("%+v", l)
	}
	before := append([]byte{1, 2, 3}, content...) // the same tail
	if l := probe(ann, before); l.Held != nil || l.Relative == nil || *l.Relative != sum {
		t.Errorf("%+v", l)
	}
	if l := probe(ann, bytesOf(5, ChunkSize+5000)); l != (Likeness{}) {
		t.Errorf("nothing is alike, and yet %+v", l)
	}
	if _, err := s.Probe(ann, ChunkSize, &Probe{}); !errors.Is(err, ErrRange) {
		t.Error(err)
	}
	audit(t, data, true)
}

// What a client lies of its upload is put right by the seal; a content without a probe gets one from the keeper.
func TestProbeIsComputed(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	content := bytesOf(6, ChunkSize+1)
	size := int64(len(content))
	lie := opening(content, size)
	lie.Probe = &Probe{}
	u, err := number(s.UploadOpen(w, newOnce(12), lie, numberReply))
	must(t, err)
	chunks(t, s, w, u, content, 0, 1)
	sum := hash.Sum(content)
	_, err = s.UploadSeal(w, newOnce(14), u, size, sum, nil)
	must(t, err)
	find := func(p *Probe) bool {
		t.Helper()
		l, err := s.Probe(w, size, p)
		must(t, err)
		return l.Held != nil && *l.Held == sum
	}
	truth := opening(content, size).Probe
	if !find(truth) || find(lie.Probe) {
		t.Error("the seal has not computed the probe")
	}
	must(t, s.write(func(tx *db.Tx) error {
		id, err := tx.ContentByHash(sum[:])
		return errors.Join(err, tx.DeleteProbe(id))
	}))
	if find(truth) {
		t.Error("found without a probe")
	}
	s.fillProbes(t.Context())
	if !find(truth) {
		t.Error("the keeper has not computed the probe")
	}
	audit(t, data, true)
}
