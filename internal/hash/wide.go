package hash

import (
	"unsafe"

	"lukechampine.com/blake3/guts"
)

// Whole groups are hashed a level at a time: first the values of all leaves of sixteen groups, then those of their parents,
// sixteen side by side. That is twice as fast as a group after the other, whose upper levels leave most of a vector idle.

// sixteen is how many groups are taken together.
const sixteen = 16

// leafValues computes the values of the leaves of a group, the first of which is number counter of the content.
func leafValues(to *[leaves]words, b *[group]byte, counter uint64) {
	compress16(to, unsafe.Pointer(b), leaf, leaf/guts.BlockSize, counter, 1, guts.FlagChunkStart, 0, guts.FlagChunkEnd)
}

// merge replaces the first count values, an even number, by the values of their parents, and what is behind these by
// anything.
func merge(v *[sixteen * leaves]words, count int) {
	for i := 0; i < count/2; i += leaves {
		// What it writes lies before what is to be read.
		compress16((*[leaves]words)(v[i:]), unsafe.Pointer(&v[2*i]), guts.BlockSize, 1, 0, 0, guts.FlagParent, 0, 0)
	}
}
