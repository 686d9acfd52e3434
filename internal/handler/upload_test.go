package handler

import (
	"bytes"
	"testing"

	"sluice/internal/hash"
	"sluice/internal/proto"
)

// An upload goes on from another device, is listed, told of, and cancelled.
func TestUploadFromAnotherDevice(t *testing.T) {
	r := newRig(t)
	laptop := r.login("ann")
	desk, stranger := NewPeer("test"), r.login("bob")
	r.good(r.ask(desk, proto.TypeLogin, &proto.Login{User: "ann", Password: "password", Device: "desk"}, nil))

	content := bytes.Repeat([]byte("0123456789abcdef"), proto.ChunkSize/16+5)
	size := int64(len(content))
	p, err := hash.ReadProbe(bytes.NewReader(content), size)
	if err != nil {
		t.Fatal(err)
	}
	probe := proto.Probe{Head: p.Head, Middle: p.Middle, Tail: p.Tail}
	asked := byte(0)
	open := func(peer *Peer, q proto.UploadOpen) (*proto.UploadOpenReply, []byte) {
		t.Helper()
		asked++
		q.Key = proto.Key{asked}
		header, body := r.good(r.ask(peer, proto.TypeUploadOpen, &q, nil))
		answer, err := proto.ParseUploadOpenReply(header)
		if err != nil {
			t.Fatal(err)
		}
		return answer, body
	}
	like := func(peer *Peer) *proto.ProbeReply {
		t.Helper()
		header, _ := r.good(r.ask(peer, proto.TypeProbe, &proto.ProbeRequest{Size: size, Probe: probe}, nil))
		answer, err := proto.ParseProbeReply(header)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	q := proto.UploadOpen{Size: size, Probe: &probe, Label: "image \xff"}
	first, body := open(laptop, q)
	if first.Found || first.Present.Count() != 0 || len(body) != 0 {
		t.Errorf("%+v", first)
	}
	value := hash.ChunkValue(content[proto.ChunkSize:], 1)
	r.good(r.ask(laptop, proto.TypeUploadChunk, &proto.UploadChunk{Upload: first.Upload, Index: 1, Value: value}, content[proto.ChunkSize:]))
	for _, q := range []proto.UploadOpen{q, {Size: -1, Upload: first.Upload}} {
		again, body := open(desk, q)
		if again.Upload != first.Upload || !again.Found || again.Present.Count() != 1 || !again.Present.Get(1) || !bytes.Equal(body, value[:proto.ValueHint]) {
			t.Errorf("%+v, %x", again, body)
		}
	}
	present, _ := r.good(r.ask(desk, proto.TypeUploadChunk, &proto.UploadChunk{Upload: first.Upload, Index: 1, Value: value}, content[proto.ChunkSize:]))
	if string(present) != `{"present":true}` {
		t.Errorf("a chunk that was there: %s", present)
	}
	if got := like(desk); !got.Partial || got.Held != nil {
		t.Errorf("%+v", got)
	}
	if got := like(stranger); got.Partial {
		t.Error("another account is told of it")
	}
	if other, _ := open(stranger, q); other.Found || other.Upload == first.Upload {
		t.Errorf("another account finds it: %+v", other)
	}

	header, _ := r.good(r.ask(desk, proto.TypeUploads, &proto.Uploads{}, nil))
	list, err := proto.ParseUploadsReply(header)
	if err != nil || len(list.Uploads) != 1 || list.More {
		t.Fatal(list, err)
	}
	if u := list.Uploads[0]; u.Upload != first.Upload || u.Size != size || u.Present != size-proto.ChunkSize || u.Label != "image \xff" || u.Device != "d" ||
		u.Began == 0 || u.Touched < u.Began {
		t.Errorf("%+v", u)
	}
	cancel := &proto.UploadCancel{Key: proto.Key{99}, Upload: first.Upload}
	r.code(r.ask(stranger, proto.TypeUploadCancel, cancel, nil), proto.NotFound)
	r.good(r.ask(desk, proto.TypeUploadCancel, cancel, nil))
	r.code(r.ask(laptop, proto.TypeUploadOpen, &proto.UploadOpen{Key: proto.Key{98}, Size: -1, Upload: first.Upload}, nil), proto.NotFound)
	if got := like(desk); *got != (proto.ProbeReply{}) {
		t.Errorf("%+v", got)
	}
}
