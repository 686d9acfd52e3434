package handler

import "sluice/internal/proto"

// beginHave tells which contents this account holds; all others are unknown, whoever else may hold them.
func beginHave(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.Have)
	held, err := s.store.Have(c.Peer.Who, plain(h.Hashes))
	if err != nil {
		return fail(err)
	}
	bits := proto.NewBitmap(len(held))
	for i, yes := range held {
		if yes {
			bits.Set(i)
		}
	}
	return reply(&proto.HaveReply{Held: bits})
}

// plain gives hashes as the store takes them.
func plain(hashes []proto.Hash) [][32]byte {
	all := make([][32]byte, len(hashes))
	for i, h := range hashes {
		all[i] = h
	}
	return all
}
