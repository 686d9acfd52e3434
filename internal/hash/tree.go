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

// tree hashes a content, or a chunk of one, as it comes. Of a whole content the last group is held back until more follows,
// because the topmost node is compressed differently and only the end tells which that is.
type tree struct {
	first uint64      // number of the first group in the content
	part  bool        // of a content: nothing is held back
	count uint64      // groups pushed; its bits tell which places of the stack are taken
	stack [50]words   // complete subtrees, at most one of each height
	rest  [group]byte // the group held back, or what there is of it
	have  int         // its bytes

	leaves  [sixteen * leaves]words // values of those of the groups behind the pushed ones
	pending int                     // how many groups these are, less than sixteen
}

// length is how many bytes were written.
func (t *tree) length() uint64 { return (t.count+uint64(t.pending))*group + uint64(t.have) }

func (t *tree) write(b []byte) {
	for len(b) > 0 {
		if t.have == group {
			t.add(&t.rest)
			t.have = 0
		}
		if t.have == 0 && (len(b) > group || t.part && len(b) == group) {
			t.add((*[group]byte)(b))
			b = b[group:]
			continue
		}
		n := copy(t.rest[t.have:], b)
		t.have += n
		b = b[n:]
	}
}

// add takes a complete group that is not the last one.
func (t *tree) add(b *[group]byte) {
	counter := (t.first + t.count + uint64(t.pending)) * leaves
	if !wide {
		t.push(guts.ChainingValue(guts.CompressBuffer(b, group, &guts.IV, counter, 0)), 0)
		return
	}
	leafValues((*[leaves]words)(t.leaves[t.pending*leaves:]), b, counter)
	if t.pending++; t.pending == sixteen {
		for n := len(t.leaves); n > 1; n /= 2 {
			merge(&t.leaves, n)
		}
		t.pending = 0
		t.push(t.leaves[0], bits.Len(sixteen-1))
	}
}

// push adds a complete subtree of 2 to the power of height groups.
func (t *tree) push(value words, height int) {
	more := uint64(1) << height
	for ; t.count&(1<<height) != 0; height++ {
		value = guts.ChainingValue(guts.ParentNode(t.stack[height], value, &guts.IV, 0))
	}
	t.stack[height] = value
	t.count += more
}

// subtrees appends the complete subtrees of the groups that were added, the lowest and last one first. It does not change the
// tree.
func (t *tree) subtrees(all []words) []words {
	if t.pending > 0 {
		v := t.leaves
		for n := t.pending * leaves; n > 0; n /= 2 {
			if n%2 == 1 {
				all = append(all, v[n-1])
			}
			merge(&v, n&^1)
		}
	}
	for left := t.count; left != 0; left &= left - 1 {
		all = append(all, t.stack[bits.TrailingZeros64(left)])
	}
	return all
}

// top is the node above everything written, of which a group or a part of one is held back.
func (t *tree) top() guts.Node {
	var room [len(t.stack)]words
	node := guts.CompressBuffer(&t.rest, t.have, &guts.IV, (t.first+t.count+uint64(t.pending))*leaves, 0)
	for _, left := range t.subtrees(room[:0]) {
		node = guts.ParentNode(left, guts.ChainingValue(node), &guts.IV, 0)
	}
	return node
}

// value is what the parent of a part needs to know of it.
func (t *tree) value() words {
	if t.have > 0 || t.length() == 0 {
		return guts.ChainingValue(t.top())
	}
	var room [len(t.stack)]words
	all := t.subtrees(room[:0])
	value := all[0]
	for _, left := range all[1:] {
		value = guts.ChainingValue(guts.ParentNode(left, value, &guts.IV, 0))
	}
	return value
}

// root is the hash of a content whose topmost node is n.
func root(n guts.Node) [32]byte {
	n.Flags |= guts.FlagRoot
	return toBytes(guts.ChainingValue(n))
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
