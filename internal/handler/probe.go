package handler

import (
	"sluice/internal/proto"
	"sluice/internal/store"
)

// beginProbe tells what this account has that is like a content.
func beginProbe(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.ProbeRequest)
	like, err := s.store.Probe(c.Peer.Who, h.Size, probeOf(&h.Probe))
	if err != nil {
		return fail(err)
	}
	return reply(&proto.ProbeReply{
		Held: (*proto.Hash)(like.Held), Relative: (*proto.Hash)(like.Relative), RelativeSize: like.RelativeSize, Partial: like.Partial,
	})
}

// probeOf gives a probe as the store takes it; nil: there is none.
func probeOf(p *proto.Probe) *store.Probe {
	if p == nil {
		return nil
	}
	return &store.Probe{Head: p.Head, Middle: p.Middle, Tail: p.Tail}
}
