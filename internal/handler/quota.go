package handler

import "sluice/internal/proto"

// beginQuota tells what the account is charged for.
func beginQuota(s *Service, c *Call) Outcome {
	used, held, limit, err := s.store.Usage(c.Peer.Who)
	if err != nil {
		return fail(err)
	}
	return reply(&proto.QuotaReply{Used: used, Held: held, Limit: limit})
}
