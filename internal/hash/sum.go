package hash

import (
	"io"

	"github.com/zeebo/blake3"
)

// Sum is the hash of b.
func Sum(b []byte) [32]byte { return blake3.Sum256(b) }

// piece is how much is read and hashed at a time: it stays in a core's second-level cache between the two.
const piece = 256 << 10

// SumReader is the hash of everything r has, and its length.
func SumReader(r io.Reader) ([32]byte, int64, error) {
	h := blake3.New()
	n, err := io.CopyBuffer(onlyWriter{h}, onlyReader{r}, make([]byte, piece))
	var sum [32]byte
	h.Sum(sum[:0])
	return sum, n, err
}

// onlyWriter and onlyReader hide ReadFrom and WriteTo, which would choose a buffer of their own.
type onlyWriter struct{ io.Writer }
type onlyReader struct{ io.Reader }
