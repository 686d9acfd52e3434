package handler

import (
	"time"

	"sluice/internal/proto"
)

// beginLogin gives a device token for a password; the connection is logged in afterwards. The reply holds a secret and
// is therefore not stored for a repetition.
func beginLogin(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.Login)
	who, token, err := s.store.Login(h.User, h.Password, h.Device, c.Peer.Address)
	if err != nil {
		return fail(err)
	}
	c.Peer.Who, c.Peer.checked = who, time.Now().UnixNano()
	return reply(&proto.LoginReply{Token: token, Device: who.Device})
}
