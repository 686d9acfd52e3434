package proto

import "encoding/binary"

// Magic begins every prelude, in both directions. Its first byte is 0x80 or more, so that one byte tells
// the native protocol from TLS (0x16), HTTP (A-Z) and PROXY v2 (0x0D); 0xF5 never occurs in UTF-8.
const Magic = "\xF5SLC"

// Version is the only version of the protocol so far.
const Version = 1

// PreludeLen is the length of a prelude in bytes.
const PreludeLen = 24

// Flags of a prelude. A request carries none; unknown bits are refused.
const (
	FlagReply   = 1 << 0 // this is a reply; type and number repeat the request's
	FlagError   = 1 << 1 // the header is an Error, there is no body
	FlagClosing = 1 << 2 // the server is draining: send no more requests on this connection
)

// Prelude is the fixed part of a request or reply, 24 bytes, integers in network order:
//
//	0  magic   4 bytes
//	4  version 1
//	5  flags   1
//	6  type    2
//	8  number  4   chosen by the client, repeated in the reply
//	12 header  4   length of the JSON header; 0 means {}
//	16 body    8   length of the body
type Prelude struct {
	Version   uint8
	Flags     uint8
	Type      Type
	Number    uint32
	HeaderLen uint32
	BodyLen   uint64
}

// Append appends the prelude's 24 bytes to b.
func (p Prelude) Append(b []byte) []byte {
	b = append(b, Magic...)
	b = append(b, p.Version, p.Flags)
	b = binary.BigEndian.AppendUint16(b, uint16(p.Type))
	b = binary.BigEndian.AppendUint32(b, p.Number)
	b = binary.BigEndian.AppendUint32(b, p.HeaderLen)
	return binary.BigEndian.AppendUint64(b, p.BodyLen)
}

// ParsePrelude reads a prelude from the first PreludeLen bytes of b and checks magic, version and flags. With an error
// the prelude is filled as far as it can be trusted: not at all after a wrong magic, whole otherwise.
func ParsePrelude(b []byte) (Prelude, error) {
	if len(b) < PreludeLen {
		return Prelude{}, Errorf(BadPrelude, "prelude of %d bytes", len(b))
	}
	if string(b[:len(Magic)]) != Magic {
		return Prelude{}, Errorf(BadPrelude, "wrong magic")
	}
	p := Prelude{
		Version:   b[4],
		Flags:     b[5],
		Type:      Type(binary.BigEndian.Uint16(b[6:])),
		Number:    binary.BigEndian.Uint32(b[8:]),
		HeaderLen: binary.BigEndian.Uint32(b[12:]),
		BodyLen:   binary.BigEndian.Uint64(b[16:]),
	}
	if p.Version != Version {
		return p, Errorf(BadPrelude, "version %d is not served", p.Version)
	}
	if p.Flags&^(FlagReply|FlagError|FlagClosing) != 0 {
		return p, Errorf(BadPrelude, "unknown flags %#02x", p.Flags)
	}
	return p, nil
}

// CheckRequest is the server's check of a parsed prelude: no flags, a known type, a header and a body within that
// type's limits. It says nothing of log-in: that is the row's Open.
func (p Prelude) CheckRequest() (*Row, error) {
	if p.Flags != 0 {
		return nil, Errorf(BadPrelude, "flags %#02x in a request", p.Flags)
	}
	row := Lookup(p.Type)
	if row == nil {
		return nil, Errorf(UnknownType, "no request type %d", p.Type)
	}
	if p.HeaderLen > row.MaxHeader {
		return row, Errorf(TooLarge, "%s: header of %d bytes, at most %d", row.Name, p.HeaderLen, row.MaxHeader)
	}
	if p.BodyLen > row.MaxBody {
		return row, Errorf(TooLarge, "%s: body of %d bytes, at most %d", row.Name, p.BodyLen, row.MaxBody)
	}
	return row, nil
}

// CheckReply is the client's check of a parsed prelude against the one it sent. An error reply of type 0 and number 0 is
// the server's last word on a connection whose prelude it could not read; it answers whatever is outstanding.
func (p Prelude) CheckReply(request Prelude) error {
	row := Lookup(request.Type)
	if row == nil {
		return Errorf(UnknownType, "no request type %d", request.Type)
	}
	if p.Flags&FlagReply == 0 {
		return Errorf(BadPrelude, "not a reply")
	}
	last := p.Flags&FlagError != 0 && p.Type == 0 && p.Number == 0
	if !last && (p.Type != request.Type || p.Number != request.Number) {
		return Errorf(BadPrelude, "reply %d of type %d to request %d of type %d", p.Number, p.Type, request.Number, request.Type)
	}
	if p.HeaderLen > MaxReplyHeader {
		return Errorf(TooLarge, "reply header of %d bytes, at most %d", p.HeaderLen, MaxReplyHeader)
	}
	most := row.MaxReply
	if p.Flags&FlagError != 0 {
		most = 0
	}
	if p.BodyLen > most {
		return Errorf(TooLarge, "%s: reply body of %d bytes, at most %d", row.Name, p.BodyLen, most)
	}
	return nil
}
