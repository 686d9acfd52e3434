package handler

import (
	"slices"
	"time"

	"sluice/internal/proto"
)

// beginHello chooses the version and, with a token, says who one is.
func beginHello(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.Hello)
	if !slices.Contains(h.Versions, proto.Version) {
		return fail(proto.Errorf(proto.BadVersion, "this server speaks version %d only", proto.Version))
	}
	answer := proto.HelloReply{Version: proto.Version, Server: s.store.ServerID(), Agent: s.opt.Agent}
	c.Peer.Hello = true
	if h.Token == "" {
		return reply(&answer)
	}
	who, err := s.store.Device(h.Token)
	if err != nil {
		return fail(err)
	}
	home, err := s.store.Home(who)
	if err != nil {
		return fail(err)
	}
	c.Peer.Who, c.Peer.checked = who, time.Now().UnixNano()
	answer.Account, answer.Device = who.Name, who.Device
	answer.Namespace, answer.Root, answer.Epoch, answer.Journal = home.ID, home.Root, home.Epoch, home.Journal
	return reply(&answer)
}
