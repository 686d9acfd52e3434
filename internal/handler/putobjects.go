package handler

import (
	"slices"

	"sluice/internal/proto"
	"sluice/internal/store"
)

// beginPutObjects reserves room for the contents and says where their bytes go.
func beginPutObjects(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.PutObjects)
	hashes, sizes := make([][32]byte, len(h.Objects)), make([]int64, len(h.Objects))
	for i, o := range h.Objects {
		hashes[i], sizes[i] = o.Hash, o.Size
	}
	in, err := s.store.ObjectsBegin(c.Peer.Who, hashes, sizes)
	if err != nil {
		return fail(err)
	}
	c.State = in
	if c.BodyLen <= MemoryBody {
		return Receive{}
	}
	return Receive{Into: pieces(in.Pieces())}
}

// finishPutObjects verifies, syncs and records the contents; a wrong one fails only its entry.
func finishPutObjects(_ *Service, c *Call) Outcome {
	var body []byte
	if c.BodyLen <= MemoryBody {
		if body = c.Body; body == nil {
			body = []byte{}
		}
	}
	failed, err := c.State.(*store.Incoming).Finish(body)
	if err != nil {
		return fail(err)
	}
	var answer proto.PutObjectsReply
	for entry, err := range failed {
		answer.Failed = append(answer.Failed, failEntry(entry, err))
	}
	slices.SortFunc(answer.Failed, func(a, b proto.EntryError) int { return a.Entry - b.Entry })
	return reply(&answer)
}

func abortPutObjects(_ *Service, c *Call) { c.State.(*store.Incoming).Abort() }

// pieces gives the store's places as the connection takes them.
func pieces(from []store.Piece) []Piece {
	all := make([]Piece, len(from))
	for i, p := range from {
		all[i] = Piece{FD: p.FD, Offset: p.Offset, Length: p.Length}
	}
	return all
}
