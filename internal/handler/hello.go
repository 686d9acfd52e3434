package handler

import (
	"slices"
	"time"

	"sluice/internal/proto"
)

// quickHello answers a hello without a token: everything that it tells is in memory.
func quickHello(s *Service, c *Call) (Outcome, bool) {
	h := c.Header.(*proto.Hello)
	if h.Token != "" {
		return nil, false
	}
	answer, refused := s.greet(h)
	if refused != nil {
		return refused, true
	}
	return reply(answer), true
}

// greet chooses the version.
func (s *Service) greet(h *proto.Hello) (answer *proto.HelloReply, refused Outcome) {
	if !slices.Contains(h.Versions, proto.Version) {
		return nil, fail(proto.Errorf(proto.BadVersion, "this server speaks version %d only", proto.Version))
	}
	return &proto.HelloReply{Version: proto.Version, Server: s.store.ServerID(), Agent: s.opt.Agent}, nil
}

// beginHello says, by the token, who one is.
func beginHello(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.Hello)
	answer, refused := s.greet(h)
	if refused != nil {
		return refused
	}
	if h.Token == "" {
		return reply(answer)
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
	return reply(answer)
}
