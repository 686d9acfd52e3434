package hash

import "lukechampine.com/blake3/guts"

// ChunkSize is the length of every chunk of a content but the last, in bytes.
const ChunkSize = 8 << 20

// ChunkValue is the chaining value of the subtree that is chunk index of a content. b is ChunkSize long, but for the last
// chunk, which has at least a byte.
func ChunkValue(b []byte, index int64) [32]byte {
	c := NewChunk(index)
	c.Write(b)
	return c.Value()
}

// Chunk computes the value of one chunk from pieces, so that a chunk can be hashed as it is read.
type Chunk struct{ t tree }

// NewChunk begins chunk index of a content.
func NewChunk(index int64) *Chunk { return &Chunk{tree{first: uint64(index) * groups}} }

// Write adds b, at most ChunkSize bytes in all. It takes all of b and never fails.
func (c *Chunk) Write(b []byte) (int, error) {
	if c.t.count*group+uint64(c.t.have)+uint64(len(b)) > ChunkSize {
		panic("BUG: more bytes than a chunk has")
	}
	c.t.write(b)
	return len(b), nil
}

// Value is the chaining value of what was written so far.
func (c *Chunk) Value() [32]byte { return value(c.t.top()) }

// Root is the hash of a content of len(values) >= 2 chunks from their values, in order. Size is the content's, which
// must be of so many chunks.
func Root(values [][32]byte, size int64) [32]byte {
	if len(values) < 2 || (size+ChunkSize-1)/ChunkSize != int64(len(values)) {
		panic("BUG: root of a content whose size does not fit its chunks")
	}
	level := make([]words, len(values))
	for i, v := range values {
		level[i] = toWords(v)
	}
	for len(level) > 2 {
		level = parents(level)
	}
	return root(guts.ParentNode(level[0], level[1], &guts.IV, 0))
}

// parents replaces neighbours by their parent's value. An odd one at the end goes up as it is, which gives BLAKE3's tree:
// every left subtree is complete and as large as can be.
func parents(level []words) []words {
	n := 0
	for i := 0; i+1 < len(level); i += 2 {
		level[n] = guts.ChainingValue(guts.ParentNode(level[i], level[i+1], &guts.IV, 0))
		n++
	}
	if len(level)%2 == 1 {
		level[n] = level[len(level)-1]
		n++
	}
	return level[:n]
}
