package handler

import (
	"sluice/internal/proto"
	"sluice/internal/store"
)

// beginUploadOpen begins a content above 8 MiB. The reply to a repetition shows the chunks present now.
func beginUploadOpen(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.UploadOpen)
	chunks := int64(0)
	if h.Size > 0 {
		chunks = (h.Size + proto.ChunkSize - 1) / proto.ChunkSize
	}
	raw, err := s.store.UploadOpen(c.Peer.Who, c.once(h.Key), h.Size, func(upload int64) []byte {
		return (&proto.UploadOpenReply{Upload: upload, Chunk: proto.ChunkSize, Present: proto.NewBitmap(int(chunks))}).Append(nil)
	})
	if err != nil {
		return fail(err)
	}
	stored, err := proto.ParseUploadOpenReply(raw)
	if err != nil {
		return fail(err)
	}
	_, present, err := s.store.UploadPresent(c.Peer.Who, stored.Upload)
	if err != nil {
		return fail(err)
	}
	bits := proto.NewBitmap(max(len(present), int(chunks)))
	for i, yes := range present {
		if yes {
			bits.Set(i)
		}
	}
	return reply(&proto.UploadOpenReply{Upload: stored.Upload, Chunk: proto.ChunkSize, Present: bits})
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
	if err := c.State.(*store.Chunk).Finish(); err != nil {
		return fail(err)
	}
	return reply(&proto.UploadChunkReply{})
}

func abortUploadChunk(_ *Service, c *Call) { c.State.(*store.Chunk).Abort() }

// beginUploadSeal makes a content of an upload whose chunks are all present.
func beginUploadSeal(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.UploadSeal)
	return replyRaw(s.store.UploadSeal(c.Peer.Who, c.once(h.Key), h.Upload, h.Size, h.Hash, (&proto.UploadSealReply{}).Append(nil)))
}
