package proof

import (
	"encoding/binary"

	"github.com/zeebo/blake3"
)

// Sizes in bytes, each with its reason.
const (
	// Least is the smallest content that is worth a proof. Below it another's content is never confirmed, so that a form
	// with one unknown number in it cannot be guessed; and to send it costs no more than to prove it.
	Least = 1 << 20
	// Whole is the greatest content of which all bytes are proven: read and hashed in well under a tenth of a second.
	Whole = 64 << 20

	piece = 1 << 20  // a range of a content that is proven whole
	block = 64 << 10 // a range of a larger one: a read of this length costs little more than the seek
	draws = 64       // ranges of a larger one

	MaxRange = piece // the longest range
	MaxTags  = draws // tags of one content
)

// Range is some bytes of a content.
type Range struct{ Offset, Length int64 }

// Ranges are what is to be proven of a content of size bytes. They follow from nonce and size alone, so that they tell
// nothing of what the server has. size is at least Least.
func Ranges(nonce []byte, size int64) []Range {
	if size <= Whole {
		all := make([]Range, 0, draws)
		for at := int64(0); at < size; at += piece {
			all = append(all, Range{at, min(piece, size-at)})
		}
		return all
	}
	h := blake3.NewDeriveKey("sluice proof of possession 1: ranges")
	put(h, nonce)
	putNumber(h, size)
	random := h.Digest()
	blocks := (size + block - 1) / block
	all := make([]Range, draws)
	for i := range all {
		var b [8]byte
		random.Read(b[:]) // never fails
		first, end := blocks*int64(i)/draws, blocks*int64(i+1)/draws
		at := (first + int64(binary.LittleEndian.Uint64(b[:])%uint64(end-first))) * block
		all[i] = Range{at, min(block, size-at)}
	}
	return all
}

// Cost is how many bytes must be read to prove a content of size bytes, on either side.
func Cost(size int64) int64 {
	if size <= Whole {
		return size
	}
	return draws * block
}

// TagsOf is how many tags prove a content of size bytes.
func TagsOf(size int64) int {
	if size <= Whole {
		return int((size + piece - 1) / piece)
	}
	return draws
}

// put writes a field with its length before it, so that no two lists of fields are written alike.
func put(h *blake3.Hasher, field []byte) {
	putNumber(h, int64(len(field)))
	h.Write(field)
}

func putNumber(h *blake3.Hasher, n int64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	h.Write(b[:])
}
