package torture

import (
	"context"
	"testing"

	"sluice/internal/client"
	"sluice/internal/hash"
	"sluice/internal/proof"
	"sluice/internal/proto"
)

func chunkValue(b []byte, index int64) proto.Hash { return proto.Hash(hash.ChunkValue(b, index)) }

// TestWrongBytes: bytes that are not those of their hash are refused on every way in, and are nobody's afterwards.
func TestWrongBytes(t *testing.T) {
	t.Parallel()
	r := begin(t)
	s := r.newServer(r.path("data"), 1)
	s.start()
	w := s.dial()
	defer w.Close()
	seed := r.seed
	body := func(n int) []byte {
		b := make([]byte, n)
		seed++
		fill(b, seed)
		return b
	}
	wanted := func(b []byte) proto.Hash { // of the content that the bytes are said to be
		h := client.Sum(b)
		h[31] ^= 1
		return h
	}
	var claimed []proto.Hash
	for name, sizes := range map[string][]int{"in memory": {100, 3000}, "in a segment": {100_000, 100_000}, "in a file": {300_000}} {
		put := &proto.PutObjects{}
		var all []byte
		for _, n := range sizes {
			b := body(n)
			put.Objects = append(put.Objects, proto.Object{Hash: wanted(b), Size: int64(n)})
			claimed = append(claimed, wanted(b))
			all = append(all, b...)
		}
		_, err := w.Write(w.frame(proto.TypePutObjects, put.Append(nil), all))
		r.must(err)
		reply, err := w.read()
		r.must(err)
		answer, err := proto.ParsePutObjectsReply(reply.header)
		r.must(err)
		for i := range sizes {
			if i >= len(answer.Failed) || answer.Failed[i].Code != proto.HashMismatch {
				r.Errorf("%s: entry %d is not refused: %+v", name, i, answer.Failed)
			}
		}
	}
	for size, name := range map[int]string{5000: "of one chunk", client.ChunkSize + 5000: "of two chunks"} {
		b := body(size)
		_, err := w.Write(w.frame(proto.TypeUploadOpen, (&proto.UploadOpen{Key: proto.Key{1, byte(size >> 20)}, Size: int64(size)}).Append(nil), nil))
		r.must(err)
		reply, err := w.read()
		r.must(err)
		opened, err := proto.ParseUploadOpenReply(reply.header)
		r.must(err)
		last := int64(size-1) / client.ChunkSize
		wrong := chunkOf(opened.Upload, last, b)
		wrong.Value[0] ^= 1
		code, err := w.ask(proto.TypeUploadChunk, wrong, b[last*client.ChunkSize:])
		r.must(err)
		if code != proto.HashMismatch {
			r.Errorf("a wrong chunk %s: %v", name, code)
			continue // it cannot be brought now
		}
		for i := range last + 1 {
			code, err := w.ask(proto.TypeUploadChunk, chunkOf(opened.Upload, i, b), b[i*client.ChunkSize:min((i+1)*client.ChunkSize, int64(size))])
			r.must(err)
			if code != proto.OK {
				r.Errorf("chunk %d %s: %v", i, name, code)
			}
		}
		claimed = append(claimed, wanted(b))
		code, err = w.ask(proto.TypeUploadSeal, &proto.UploadSeal{Key: proto.Key{2, byte(size >> 20)}, Upload: opened.Upload, Size: int64(size), Hash: wanted(b)}, nil)
		r.must(err)
		if code != proto.HashMismatch {
			r.Errorf("a wrong content %s is sealed: %v", name, code)
		}
	}
	claimed = append(claimed, s.wrongAssembly(w, body(300_000)), s.wrongProof(w, body(client.LeastProof)))
	_, err := w.Write(w.frame(proto.TypeHave, (&proto.Have{Hashes: claimed}).Append(nil), nil))
	r.must(err)
	reply, err := w.read()
	r.must(err)
	held, err := proto.ParseHaveReply(reply.header)
	r.must(err)
	for i := range claimed {
		if held.Held.Get(i) {
			r.Errorf("content %d is held under a hash that is not its own", i)
		}
	}
	s.mustAnswer()
	s.stop()
	s.checkAll("afterwards")
}

// wrongAssembly has a chunk put together that is not what its value says.
func (s *server) wrongAssembly(w *wire, base []byte) proto.Hash {
	s.Helper()
	_, err := w.call(proto.TypePutObjects, &proto.PutObjects{Objects: []proto.Object{{Hash: client.Sum(base), Size: int64(len(base))}}}, base)
	s.must(err)
	length := int64(len(base) - 100)
	reply, err := w.call(proto.TypeUploadOpen, &proto.UploadOpen{Key: proto.Key{3}, Size: length, Sparse: true}, nil)
	s.must(err)
	opened, err := proto.ParseUploadOpenReply(reply.header)
	s.must(err)
	code, err := w.ask(proto.TypeAssemble, &proto.UploadAssemble{Upload: opened.Upload, Value: chunkValue(base[:length], 0), From: []proto.Hash{client.Sum(base)},
		Ranges: []proto.Range{{Kind: proto.Copied, Offset: 100, Length: length}}}, nil)
	s.must(err)
	if code != proto.HashMismatch {
		s.Errorf("a wrong chunk put together is not refused: %v", code)
	}
	code, err = w.ask(proto.TypeUploadSeal, &proto.UploadSeal{Key: proto.Key{4}, Upload: opened.Upload, Size: length, Hash: client.Sum(base[:length])}, nil)
	s.must(err)
	if code == proto.OK {
		s.Error("what was put together wrong is sealed")
	}
	return client.Sum(base[:length])
}

// wrongProof says to have what somebody else has.
func (s *server) wrongProof(w *wire, b []byte) proto.Hash {
	s.Helper()
	s.addUser("bob")
	object := client.Object{Hash: client.Sum(b), Size: int64(len(b))}
	_, err := s.dialAs("bob", client.Options{}).PutObjects(context.Background(), []client.Object{object}, [][]byte{b})
	s.must(err)
	reply, err := w.call(proto.TypeHave, &proto.Have{Hashes: []proto.Hash{object.Hash}, Sizes: []int64{object.Size}}, nil)
	s.must(err)
	told, err := proto.ParseHaveReply(reply.header)
	s.must(err)
	reply, err = w.call(proto.TypeProve, &proto.Prove{Proofs: []proto.Proof{{Hash: object.Hash, Size: object.Size, Nonce: told.Challenges[0].Nonce,
		Tags: make([]byte, proof.TagsOf(object.Size)*proof.TagLen)}}}, nil)
	s.must(err)
	answer, err := proto.ParseProveReply(reply.header)
	s.must(err)
	if answer.Linked.Get(0) {
		s.Error("a wrong proof is taken")
	}
	return object.Hash
}
