package hash

import (
	"encoding/binary"
	"math/bits"

	"lukechampine.com/blake3/guts"
)

const (
	leaf   = guts.ChunkSize            // BLAKE3's own chunk
	leaves = guts.MaxSIMD              // in a group: what is compressed side by side
	group  = leaves * leaf             // bytes in a group
	groups = uint64(ChunkSize / group) // in one of our chunks
)

type words = [8]uint32

// tree hashes a content, or a chunk of one, as it comes. The last group is held back until more follows, because the
// topmost node of a whole content is compressed differently and only its end tells which that is.
type tree struct {
	first uint64      // number of the first group in the content
	count uint64      // groups pushed; its bits tell which places of the stack are taken
	stack [50]words   // complete subtrees, at most one of each height
	rest  [group]byte // the group held back
	have  int         // its bytes
}

func (t *tree) write(b []byte) {
	for len(b) > 0 {
		if t.have == group {
			t.push(&t.rest)
			t.have = 0
		}
		if t.have == 0 && len(b) > group {
			t.push((*[group]byte)(b))
			b = b[group:]
			continue
		}
		n := copy(t.rest[t.have:], b)
		t.have += n
		b = b[n:]
	}
}

// push adds a complete group that is not the last one.
func (t *tree) push(b *[group]byte) {
	value := guts.ChainingValue(guts.CompressBuffer(b, group, &guts.IV, (t.first+t.count)*leaves, 0))
	height := 0
	for ; t.count&(1<<height) != 0; height++ {
		value = guts.ChainingValue(guts.ParentNode(t.stack[height], value, &guts.IV, 0))
	}
	t.stack[height] = value
	t.count++
}

// top is the node above everything written. It does not change the tree.
func (t *tree) top() guts.Node {
	node := guts.CompressBuffer(&t.rest, t.have, &guts.IV, (t.first+t.count)*leaves, 0)
	for left := t.count; left != 0; left &= left - 1 {
		height := bits.TrailingZeros64(left)
		node = guts.ParentNode(t.stack[height], guts.ChainingValue(node), &guts.IV, 0)
	}
	return node
}

// value is what a parent needs to know of a subtree.
func value(n guts.Node) [32]byte { return toBytes(guts.ChainingValue(n)) }

// root is the hash of a content whose topmost node is n.
func root(n guts.Node) [32]byte {
	n.Flags |= guts.FlagRoot
	return value(n)
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
