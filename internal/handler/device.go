package handler

import "sluice/internal/proto"

// beginDeviceRevoke ends a token of the account's, by default the connection's own.
func beginDeviceRevoke(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.DeviceRevoke)
	raw, err := s.store.DeviceRevoke(c.Peer.Who, c.once(h.Key), h.Device, (&proto.DeviceRevokeReply{}).Append(nil))
	if err == nil {
		c.Peer.checked = 0 // it may have been this one: ask again before the next request
	}
	return replyRaw(raw, err)
}
