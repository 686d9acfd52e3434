package handler

import "sluice/internal/proto"

// beginHave tells which contents this account holds; all others are unknown, whoever else may hold them, and come with a
// challenge if they are large enough.
func beginHave(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.Have)
	held, err := s.store.Have(c.Peer.Who, plain(h.Hashes))
	if err != nil {
		return fail(err)
	}
	answer := &proto.HaveReply{Held: proto.NewBitmap(len(held))}
	for i, yes := range held {
		if yes {
			answer.Held.Set(i)
		} else if h.Sizes != nil {
			if nonce := s.store.Challenge(c.Peer.Who, h.Hashes[i], h.Sizes[i]); nonce != nil {
				answer.Challenges = append(answer.Challenges, proto.Challenge{Index: i, Nonce: nonce})
			}
		}
	}
	return reply(answer)
}

// plain gives hashes as the store takes them.
func plain(hashes []proto.Hash) [][32]byte {
	all := make([][32]byte, len(hashes))
	for i, h := range hashes {
		all[i] = h
	}
	return all
}
