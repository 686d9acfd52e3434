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
	return Receive{Into: pieces(in.Pieces())} // no pieces: into memory
}

// finishPutObjects verifies, syncs and records the contents; a wrong one fails only its entry.
func finishPutObjects(_ *Service, c *Call) Outcome {
	failed, err := c.State.(*store.Incoming).Finish(c.Body)
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
	var all []Piece
	for _, p := range from {
		all = append(all, Piece{FD: p.FD, Offset: p.Offset, Length: p.Length})
	}
	return all
}
