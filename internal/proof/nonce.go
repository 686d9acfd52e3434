package proof

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"

	"github.com/zeebo/blake3"
)

// NonceLen is the length of a nonce: 16 random bytes, its end, and a MAC.
const (
	NonceLen = idLen + 8 + 32
	idLen    = 16
)

// Subject is for whom and for what a nonce is given out. It is good for nobody and nothing else.
type Subject struct {
	Server  string
	Account int64
	Device  int64
	Hash    [32]byte
	Size    int64
}

// NewNonce makes a nonce that is good until end, ns since 1970. Whoever has the secret can check it, without having made
// it.
func (s *Subject) NewNonce(secret [32]byte, end int64) [NonceLen]byte {
	var n [NonceLen]byte
	rand.Read(n[:idLen]) // never fails
	binary.BigEndian.PutUint64(n[idLen:], uint64(end))
	mac := s.mac(secret, n[:idLen+8])
	copy(n[idLen+8:], mac[:])
	return n
}

// Check tells whether a nonce was given out for the subject and is good at a time. id, 16 bytes of it, tells it from all
// others; whether it was used before is for the caller to know, until its end.
func (s *Subject) Check(secret [32]byte, nonce []byte, now int64) (id []byte, end int64, good bool) {
	if len(nonce) != NonceLen {
		return nil, 0, false
	}
	mac := s.mac(secret, nonce[:idLen+8])
	end = int64(binary.BigEndian.Uint64(nonce[idLen:]))
	return nonce[:idLen], end, subtle.ConstantTimeCompare(mac[:], nonce[idLen+8:]) == 1 && now < end
}

func (s *Subject) mac(secret [32]byte, about []byte) (mac [32]byte) {
	h, err := blake3.NewKeyed(secret[:])
	if err != nil {
		panic("BUG: " + err.Error()) // 32 bytes are a key
	}
	h.WriteString("sluice proof of possession 1: nonce")
	put(h, []byte(s.Server))
	putNumber(h, s.Account)
	putNumber(h, s.Device)
	put(h, s.Hash[:])
	putNumber(h, s.Size)
	put(h, about)
	h.Digest().Read(mac[:]) // never fails
	return mac
}
