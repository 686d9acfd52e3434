package handler

import (
	"sluice/internal/proto"
	"sluice/internal/store"
)

// beginUploadOpen begins a content above 8 MiB, or finds one that has begun. The reply shows the chunks present now, also that
// to a repetition.
func beginUploadOpen(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.UploadOpen)
	if h.Upload != 0 {
		return s.tellUpload(c.Peer.Who, &proto.UploadOpenReply{Upload: h.Upload, Chunk: proto.ChunkSize, Found: true}, 0)
	}
	chunks := int64(0)
	if h.Size > 0 {
		chunks = (h.Size + proto.ChunkSize - 1) / proto.ChunkSize
	}
	opening := store.Opening{Size: h.Size, Probe: probeOf(h.Probe), Label: h.Label, Sparse: h.Sparse, Own: h.Own, After: h.After}
	raw, err := s.store.UploadOpen(c.Peer.Who, c.once(h.Key), opening, func(upload int64, found bool) []byte {
		return (&proto.UploadOpenReply{Upload: upload, Chunk: proto.ChunkSize, Found: found}).Append(nil)
	})
	if err != nil {
		return fail(err)
	}
	stored, err := proto.ParseUploadOpenReply(raw)
	if err != nil {
		return fail(err)
	}
	return s.tellUpload(c.Peer.Who, stored, chunks)
}

// tellUpload adds what is present of an upload, which has at least so many chunks.
func (s *Service) tellUpload(w store.Who, answer *proto.UploadOpenReply, chunks int64) Outcome {
	there, err := s.store.UploadPresent(w, answer.Upload)
	if err != nil {
		return fail(err)
	}
	answer.Present = proto.NewBitmap(max(len(there.Chunks), int(chunks)))
	for i, yes := range there.Chunks {
		if yes {
			answer.Present.Set(i)
		}
	}
	r := Reply{Header: answer.Append(nil)}
	if len(there.Hints) > 0 {
		r.Parts = []Part{{Bytes: there.Hints}}
	}
	return r
}

// beginUploadChunk claims the chunk's range. One that is present already is read to nothing.
func beginUploadChunk(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.UploadChunk)
	chunk, err := s.store.ChunkBegin(c.Peer.Who, h.Upload, h.Index, c.BodyLen, h.Value)
	if err != nil {
		return fail(err)
	}
	c.State = chunk
	if chunk.Present() {
		return Receive{Discard: true, Behind: true}
	}
	return Receive{Into: pieces([]store.Piece{chunk.Piece()}), Behind: true}
}

// finishUploadChunk verifies, syncs and records the chunk, while the next one arrives.
func finishUploadChunk(_ *Service, c *Call) Outcome {
	chunk := c.State.(*store.Chunk)
	if err := chunk.Finish(); err != nil {
		return fail(err)
	}
	return reply(&proto.UploadChunkReply{Present: chunk.Present()})
}

func abortUploadChunk(_ *Service, c *Call) { c.State.(*store.Chunk).Abort() }

// beginUploadSeal makes a content of an upload whose chunks are all present.
func beginUploadSeal(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.UploadSeal)
	return replyRaw(s.store.UploadSeal(c.Peer.Who, c.once(h.Key), h.Upload, h.Size, h.Hash, (&proto.UploadSealReply{}).Append(nil)))
}
