package proof

import (
	"crypto/subtle"
	"fmt"
	"io"

	"github.com/zeebo/blake3"
)

// TagLen is the length of a tag: nobody guesses 128 bits.
const TagLen = 16

// Challenge is a nonce with all that the tags made for it depend on.
type Challenge struct {
	Nonce   []byte
	Server  string // its id, as told in hello
	Account string // its name, as told in hello
	Hash    [32]byte
	Size    int64
}

// Key makes tags for one challenge. It is for one goroutine at a time.
type Key struct{ h *blake3.Hasher }

// Key derives the key of a challenge.
func (c *Challenge) Key() *Key {
	h := blake3.NewDeriveKey("sluice proof of possession 1: key")
	put(h, c.Nonce)
	put(h, []byte(c.Server))
	put(h, []byte(c.Account))
	put(h, c.Hash[:])
	keyed, err := blake3.NewKeyed(h.Sum(nil))
	if err != nil {
		panic("BUG: " + err.Error()) // a key that is not 32 bytes long
	}
	return &Key{keyed}
}

// Tag is the tag of range i, whose bytes are b.
func (k *Key) Tag(i int, b []byte) (tag [TagLen]byte) {
	k.h.Reset()
	k.h.Write(b)
	putNumber(k.h, int64(i))
	k.h.Digest().Read(tag[:]) // never fails
	return tag
}

// Fits tells whether one of tags, which stand one after another, is that of range i.
func (k *Key) Fits(i int, b, tags []byte) bool {
	tag := k.Tag(i, b)
	at := i * TagLen
	return len(tags) >= at+TagLen && subtle.ConstantTimeCompare(tag[:], tags[at:at+TagLen]) == 1
}

// Tags answers a challenge from the content itself. Ranges of a content that is shorter than it should be cannot be read:
// io.ErrUnexpectedEOF.
func (c *Challenge) Tags(content io.ReaderAt) ([]byte, error) {
	key, buffer := c.Key(), make([]byte, min(MaxRange, c.Size))
	ranges := Ranges(c.Nonce, c.Size)
	tags := make([]byte, 0, len(ranges)*TagLen)
	for i, r := range ranges {
		b := buffer[:r.Length]
		if n, err := content.ReadAt(b, r.Offset); n < len(b) {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("read what is to be proven: %w", err)
		}
		tag := key.Tag(i, b)
		tags = append(tags, tag[:]...)
	}
	return tags, nil
}
