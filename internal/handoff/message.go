package handoff

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// Kind says what a message is about.
type Kind uint8

// The kinds. Numbers are never reused: parent and worker of different builds meet during an upgrade.
const (
	Socket Kind = 1 // down: an accepted connection, with its descriptor
	Moved  Kind = 2 // down: a connection another worker has given away, with its descriptor
	Drain  Kind = 3 // down: finish what is in flight and leave

	Ready Kind = 16 // up: the worker serves
	Beat  Kind = 17 // up: Value is how often its loop has turned
	Known Kind = 18 // up: Connection has logged in
	Gone  Kind = 19 // up: Connection is closed
	Move  Kind = 20 // up: Connection shall go to worker Value, with its descriptor
)

// The tags of Socket: what kind of listener accepted it. Numbers are never reused.
const (
	Native  uint8 = 0 // the main listeners: the first byte says what is spoken
	Metrics uint8 = 1 // HTTP, for counters and health
)

// Length is that of every message, in bytes.
const Length = 32

// ErrMalformed says that a message is none. Its sender is broken or hostile.
var ErrMalformed = errors.New("malformed message")

// Message is what the channel carries beside a descriptor.
type Message struct {
	Kind       Kind
	Tag        uint8          // Socket: which kind of listener accepted it
	From       netip.AddrPort // Socket: the peer; an IPv4 address is never mapped, and there is no zone
	Connection uint64         // the parent's number for the connection
	Value      uint64         // others than Socket
}

// carries tells whether a message of this kind has a descriptor with it, and whether the kind is known.
func (k Kind) carries() (fd, known bool) {
	switch k {
	case Socket, Moved, Move:
		return true, true
	case Drain, Ready, Beat, Known, Gone:
		return false, true
	}
	return false, false
}

// put writes m as 32 bytes: kind, tag, 2 port, 4 reserved, 8 connection, and 16 address, or 8 value and 8 reserved.
func (m Message) put(b []byte) {
	clear(b)
	b[0], b[1] = byte(m.Kind), m.Tag
	binary.LittleEndian.PutUint64(b[8:], m.Connection)
	if m.Kind != Socket {
		binary.LittleEndian.PutUint64(b[16:], m.Value)
	} else if m.From.IsValid() {
		binary.LittleEndian.PutUint16(b[2:], m.From.Port())
		address := m.From.Addr().As16()
		copy(b[16:], address[:])
	}
}

func parse(b []byte) (Message, error) {
	if len(b) != Length {
		return Message{}, fmt.Errorf("%w: %d bytes", ErrMalformed, len(b))
	}
	m := Message{Kind: Kind(b[0]), Tag: b[1], Connection: binary.LittleEndian.Uint64(b[8:])}
	if _, known := m.Kind.carries(); !known {
		return Message{}, fmt.Errorf("%w: kind %d", ErrMalformed, m.Kind)
	}
	reserved := b[2:8]
	if m.Kind == Socket {
		reserved = b[4:8]
		if address := netip.AddrFrom16([16]byte(b[16:])); !address.IsUnspecified() {
			m.From = netip.AddrPortFrom(address.Unmap(), binary.LittleEndian.Uint16(b[2:]))
		}
	} else {
		m.Value = binary.LittleEndian.Uint64(b[16:])
		if binary.LittleEndian.Uint64(b[24:]) != 0 {
			return Message{}, fmt.Errorf("%w: reserved bytes", ErrMalformed)
		}
	}
	for _, c := range reserved {
		if c != 0 {
			return Message{}, fmt.Errorf("%w: reserved bytes", ErrMalformed)
		}
	}
	return m, nil
}
