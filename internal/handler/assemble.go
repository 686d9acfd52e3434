package handler

import (
	"sluice/internal/proto"
	"sluice/internal/store"
)

// beginAssemble checks what a chunk is to be made of and claims its range.
func beginAssemble(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.UploadAssemble)
	ranges := make([]store.Range, len(h.Ranges))
	for i, r := range h.Ranges {
		ranges[i] = store.Range{Kind: store.RangeKind(r.Kind), Length: r.Length, From: r.From, Offset: r.Offset}
	}
	a, err := s.store.AssembleBegin(c.Peer.Who, h.Upload, h.Index, h.Value, plain(h.From), ranges)
	if err != nil {
		return fail(err)
	}
	c.State = a
	if a.Present() {
		return Receive{Discard: true, Behind: true}
	}
	return Receive{Into: pieces(a.Pieces()), Behind: true} // no pieces: there is no body
}

// finishAssemble puts the chunk together, while the next one is received.
func finishAssemble(_ *Service, c *Call) Outcome {
	a := c.State.(*store.Assembly)
	if err := a.Finish(); err != nil {
		return fail(err)
	}
	return reply(&proto.UploadAssembleReply{Present: a.Present()})
}

func abortAssemble(_ *Service, c *Call) { c.State.(*store.Assembly).Abort() }
