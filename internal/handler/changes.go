package handler

import (
	"time"

	"sluice/internal/proto"
)

// greatestWait bounds how long a request for news may wait; the client asks again.
const greatestWait = 5 * time.Minute

// beginChanges answers what changed since a journal number, or waits for it.
func beginChanges(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.Changes)
	until := time.Now().Add(min(time.Duration(h.WaitMs)*time.Millisecond, greatestWait))
	c.State = until
	return s.changes(c, h, h.WaitMs > 0)
}

// resumeChanges looks again after a wait; access is checked again.
func resumeChanges(s *Service, c *Call, why Reason) Outcome {
	if err := s.admit(c.Peer); err != nil {
		return fail(err)
	}
	return s.changes(c, c.Header.(*proto.Changes), why == News && time.Now().Before(c.State.(time.Time)))
}

func (s *Service) changes(c *Call, h *proto.Changes, wait bool) Outcome {
	seen := s.opt.Changes() // before the query: a commit between the two moves it and ends the wait at once
	p := newPage(proto.MaxBatch)
	epoch, journal, more, err := s.store.Changes(c.Peer.Who, h.Namespace, h.Epoch, h.Since, p.add)
	if err != nil {
		return fail(err)
	}
	if wait && len(p.entries) == 0 {
		// What is remembered of its rights is not enough here: a device that was shut out a moment ago would hear of it
		// at the end of the wait only. From here on a commit that shuts it out ends the wait.
		c.Peer.checked = 0
		if err := s.admit(c.Peer); err != nil {
			return fail(err)
		}
		return Park{Seen: seen, Until: c.State.(time.Time)}
	}
	return reply(&proto.ChangesReply{Epoch: epoch, Journal: journal, More: more, Entries: p.entries})
}
