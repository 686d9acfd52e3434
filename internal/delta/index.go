package delta

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// Signature is a content's, ready to be searched. It does not change, and may be used by many at once.
type Signature struct {
	size    int64
	block   int64
	entries []byte // as they came

	// Whole blocks in order of their entries; equal ones once.
	keys   []uint64 // weak<<32 | ends
	blocks []int32  // which block it is
	starts []int32  // by the high bits of weak: where its keys begin
	shift  uint     // of weak, to get those
	filter []uint64 // a bit for the high bits of each weak: most offsets are told apart by it
	sieve  uint     // of a key, or of the rolling hash, to get the bit's number
}

// most is the greatest content: so many blocks can be counted in 32 bits.
const most = 1 << 46

// NewSignature takes the entries of all blocks of a content; it keeps them.
func NewSignature(size, block int64, entries []byte) (*Signature, error) {
	if size < 0 || !GoodBlock(block) || size > most || int64(len(entries)) != EntrySize*Blocks(size, block) {
		return nil, fmt.Errorf("%d bytes are no signature of a content of %d in blocks of %d", len(entries), size, block)
	}
	s := &Signature{size: size, block: block, entries: entries}
	whole := int(size / block)
	order := make([]int32, whole)
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		if x, y := s.key(int64(a)), s.key(int64(b)); x != y {
			if x < y {
				return -1
			}
			return 1
		}
		return int(a - b)
	})
	width := max(bits.Len(uint(whole)), 4)
	s.shift = uint(32 - width)
	s.starts = make([]int32, 1<<width+1)
	s.sieve = uint(64 - min(width+6, 30)) // one in a hundred or so passes
	s.filter = make([]uint64, 1<<(64-s.sieve)/64)
	for i, n := range order {
		key := s.key(int64(n))
		if i > 0 && key == s.keys[len(s.keys)-1] {
			continue
		}
		s.keys, s.blocks = append(s.keys, key), append(s.blocks, n)
		weak := uint32(key >> 32)
		s.starts[weak>>s.shift+1]++
		bit := key >> s.sieve
		s.filter[bit/64] |= 1 << (bit % 64)
	}
	for i := 1; i < len(s.starts); i++ {
		s.starts[i] += s.starts[i-1]
	}
	return s, nil
}

// key is a block's entry as one number.
func (s *Signature) key(block int64) uint64 {
	e := s.entries[EntrySize*block:]
	return uint64(binary.LittleEndian.Uint32(e))<<32 | uint64(binary.LittleEndian.Uint32(e[4:]))
}

func (s *Signature) count() int64 { return Blocks(s.size, s.block) }

// length is that of a block.
func (s *Signature) length(block int64) int64 { return min(s.block, s.size-block*s.block) }

// near are the keys that begin like weak.
func (s *Signature) near(weak uint32) (keys []uint64, first int32) {
	first = s.starts[weak>>s.shift]
	return s.keys[first:s.starts[weak>>s.shift+1]], first
}

// begins tells whether a whole block has this rolling hash.
func (s *Signature) begins(weak uint32) bool {
	keys, _ := s.near(weak)
	i, found := slices.BinarySearch(keys, uint64(weak)<<32)
	return found || i < len(keys) && uint32(keys[i]>>32) == weak
}

// find finds a whole block by its entry; -1: there is none.
func (s *Signature) find(weak, ends uint32) int64 {
	keys, first := s.near(weak)
	i, found := slices.BinarySearch(keys, uint64(weak)<<32|uint64(ends))
	if !found {
		return -1
	}
	return int64(s.blocks[int(first)+i])
}
