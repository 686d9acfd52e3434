package proto

// Ping asks for nothing: it shows that the other side lives. With no header bytes it is one read.
type Ping struct{}

// PingReply answers a ping.
type PingReply struct{}

// parseNothing reads the header of the types that have no fields.
func parseNothing(raw []byte, most int) *Error {
	return parse(raw, most, nil, func(string, *value) {})
}

// ParsePing reads the header of a ping.
func ParsePing(raw []byte) (*Ping, error) { return result(&Ping{}, parseNothing(raw, MaxHeaderBefore)) }

// ParsePingReply reads the header of the reply to a ping.
func ParsePingReply(raw []byte) (*PingReply, error) {
	return result(&PingReply{}, parseNothing(raw, MaxReplyHeader))
}

// Append appends nothing: no bytes mean {}.
func (x *Ping) Append(b []byte) []byte { return b }

// Append appends nothing: no bytes mean {}.
func (x *PingReply) Append(b []byte) []byte { return b }
