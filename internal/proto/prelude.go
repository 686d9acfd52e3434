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
