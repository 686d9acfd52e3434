package handler

import (
	"time"

	"sluice/internal/proto"
	"sluice/internal/store"
)

// proveTakes is how long a prove takes, or a whole number of times as long: by far longer than the work, so that the time
// of the reply tells nothing of it.
const proveTakes = 250 * time.Millisecond

// beginProve does the work, and keeps what it found until it is time to say so.
func beginProve(s *Service, c *Call) Outcome {
	began := time.Now()
	c.State = s.prove(c)
	work := time.Since(began)
	return Park{Until: began.Add((work/proveTakes + 1) * proveTakes), Deaf: true}
}

// resumeProve says it.
func resumeProve(s *Service, c *Call, _ Reason) Outcome {
	if err := s.admit(c.Peer); err != nil {
		return fail(err)
	}
	return c.State.(Outcome)
}

func (s *Service) prove(c *Call) Outcome {
	proofs := c.Header.(*proto.Prove).Proofs
	all := make([]store.Possession, len(proofs))
	for i, p := range proofs {
		all[i] = store.Possession{Hash: p.Hash, Size: p.Size, Nonce: p.Nonce, Tags: p.Tags}
	}
	linked, err := s.store.Prove(c.Peer.Who, all)
	if err != nil {
		return fail(err)
	}
	answer := &proto.ProveReply{Linked: proto.NewBitmap(len(linked))}
	for i, yes := range linked {
		if yes {
			answer.Linked.Set(i)
		}
	}
	return reply(answer)
}
