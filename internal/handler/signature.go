package handler

import "sluice/internal/proto"

// beginSignature answers with what blocks of a content look like. How much it may read is bounded by the header.
func beginSignature(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.SignatureRequest)
	size, answer, err := s.store.Signature(c.Context, c.Peer.Who, h.Hash, h.Block, h.First, h.Count, h.Sums)
	if err != nil {
		return fail(err)
	}
	r := Reply{Header: (&proto.SignatureReply{Size: size}).Append(nil)}
	if len(answer) > 0 {
		r.Parts = []Part{{Bytes: answer}}
	}
	return r
}

// beginExtents answers with where a content has data.
func beginExtents(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.Extents)
	size, end, data, err := s.store.Extents(c.Peer.Who, h.Hash, h.Offset, proto.MaxExtents)
	if err != nil {
		return fail(err)
	}
	answer := &proto.ExtentsReply{Size: size, End: end, Data: make([]proto.Extent, len(data))}
	for i, e := range data {
		answer.Data[i] = proto.Extent(e)
	}
	return reply(answer)
}
