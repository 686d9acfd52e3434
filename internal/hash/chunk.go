package hash

import (
	"encoding/binary"

	"lukechampine.com/blake3/guts"
)

// ChunkSize is the length of every chunk of a content but the last, in bytes.
const ChunkSize = 8 << 20

const (
	leaf  = guts.ChunkSize           // BLAKE3's own chunk
	group = guts.MaxSIMD * leaf      // leaves that are compressed side by side
	wide  = ChunkSize / group        // groups in a chunk
	leafs = uint64(ChunkSize / leaf) // leaves in a chunk
	each  = uint64(guts.MaxSIMD)     // leaves in a group
)

type words = [8]uint32

// ChunkValue is the chaining value of the subtree that is chunk index of a content. b is ChunkSize long, but for the last
// chunk, which has at least a byte.
func ChunkValue(b []byte, index int64) [32]byte {
	c := NewChunk(index)
	c.Write(b)
	return c.Value()
}

// Chunk computes the value of one chunk from pieces, so that a chunk can be hashed as it is read. It is cheapest with
// pieces that are a multiple of 16 KiB.
type Chunk struct {
	first  uint64      // number of the chunk's first leaf in the content
	values [wide]words // of the groups that are complete
	n      int         // how many these are
	rest   [group]byte // an unfinished group
	have   int         // its bytes
}

// NewChunk begins chunk index of a content.
func NewChunk(index int64) *Chunk { return &Chunk{first: uint64(index) * leafs} }

// Write adds b, at most ChunkSize bytes in all. It takes all of b and never fails.
func (c *Chunk) Write(b []byte) (int, error) {
	all := len(b)
	if c.n*group+c.have+all > ChunkSize {
		panic("BUG: more bytes than a chunk has")
	}
	if c.have > 0 {
		took := copy(c.rest[c.have:], b)
		c.have += took
		b = b[took:]
		if c.have < group {
			return all, nil
		}
		c.compress(&c.rest, group)
		c.have = 0
	}
	for len(b) >= group {
		c.compress((*[group]byte)(b), group)
		b = b[group:]
	}
	c.have = copy(c.rest[:], b)
	return all, nil
}

func (c *Chunk) compress(b *[group]byte, n int) {
	node := guts.CompressBuffer(b, n, &guts.IV, c.first+uint64(c.n)*each, 0)
	c.values[c.n] = guts.ChainingValue(node)
	c.n++
}

// Value is the chaining value of what was written. It ends the chunk's use.
func (c *Chunk) Value() [32]byte {
	if c.have > 0 || c.n == 0 {
		c.compress(&c.rest, c.have)
		c.have = 0
	}
	values := c.values[:c.n]
	for len(values) > 1 {
		values = parents(values)
	}
	return toBytes(values[0])
}

// Root is the hash of a content of len(values) >= 2 chunks from their values, in order. Size is the content's, which
// must be of so many chunks.
func Root(values [][32]byte, size int64) [32]byte {
	if len(values) < 2 || (size+ChunkSize-1)/ChunkSize != int64(len(values)) {
		panic("BUG: root of a content whose size does not fit its chunks")
	}
	tree := make([]words, len(values))
	for i, v := range values {
		tree[i] = toWords(v)
	}
	for len(tree) > 2 {
		tree = parents(tree)
	}
	root := guts.ParentNode(tree[0], tree[1], &guts.IV, guts.FlagRoot)
	return toBytes(guts.ChainingValue(root))
}

// parents replaces neighbours by their parent's value. An odd one at the end goes up as it is, which gives BLAKE3's tree:
// every left subtree is complete and as large as can be.
func parents(values []words) []words {
	n := 0
	for i := 0; i+1 < len(values); i += 2 {
		values[n] = guts.ChainingValue(guts.ParentNode(values[i], values[i+1], &guts.IV, 0))
		n++
	}
	if len(values)%2 == 1 {
		values[n] = values[len(values)-1]
		n++
	}
	return values[:n]
}

func toBytes(w words) (b [32]byte) {
	for i, x := range w {
		binary.LittleEndian.PutUint32(b[4*i:], x)
	}
	return b
}

func toWords(b [32]byte) (w words) {
	for i := range w {
		w[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return w
}
