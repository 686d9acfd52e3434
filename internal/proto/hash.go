package proto

import (
	"encoding/hex"
	"math/bits"
)

// Hash is a plain BLAKE3-256, 64 lower-case hex digits on the wire.
type Hash [32]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads 64 lower-case hex digits.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if !decodeHex(h[:], s) {
		return Hash{}, Errorf(BadHeader, "not a hash: 64 lower-case hex digits")
	}
	return h, nil
}

// Key marks a changing request so that its repetition gets the stored reply: 128 random bits, 32 hex digits.
type Key [16]byte

func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Bitmap holds one bit an entry, bit i%8 of byte i/8; lower-case hex on the wire.
type Bitmap []byte

// Get tells bit i; bits past the end are 0.
func (m Bitmap) Get(i int) bool { return i/8 < len(m) && m[i/8]&(1<<(i%8)) != 0 }

// Set sets bit i, which must be within the map.
func (m Bitmap) Set(i int) { m[i/8] |= 1 << (i % 8) }

// Count is the number of bits that are set.
func (m Bitmap) Count() (n int) {
	for _, b := range m {
		n += bits.OnesCount8(b)
	}
	return n
}

// NewBitmap makes a bitmap of n zero bits.
func NewBitmap(n int) Bitmap { return make(Bitmap, (n+7)/8) }

// of says whether the map is one of exactly n bits: of that length, and no bit set past the end.
func (m Bitmap) of(n int64) bool {
	if int64(len(m)) != (n+7)/8 {
		return false
	}
	return n%8 == 0 || m[len(m)-1]>>(n%8) == 0
}

// decodeHex fills to from exactly its length in lower-case hex digits.
func decodeHex(to []byte, s string) bool {
	if len(s) != 2*len(to) {
		return false
	}
	for i := range to {
		hi, lo := hexValues[s[2*i]], hexValues[s[2*i+1]]
		if hi|lo > 15 {
			return false
		}
		to[i] = hi<<4 | lo
	}
	return true
}

// hexValues holds the value of every lower-case hex digit, 255 for all other bytes.
var hexValues = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i := range digits {
		t[digits[i]] = byte(i)
	}
	return t
}()
