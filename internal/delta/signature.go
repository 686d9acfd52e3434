package delta

import (
	"encoding/binary"
	"io"

	"github.com/cespare/xxhash/v2"
)

const (
	LeastBlock = 64 << 10 // below it a signature costs more than it saves
	MostBlock  = 8 << 20
	EntrySize  = 8 // bytes of a block's entry, and of its sum

	window = 64      // bytes of a block's beginning that the rolling hash covers
	ends   = 2 << 10 // bytes at each end of a block that its entry covers
	many   = 1 << 20 // blocks from which on larger ones are taken: what a scan holds in memory stays at some 20 MiB
)

// BlockFor is the block size for a content of so many bytes.
func BlockFor(size int64) int64 {
	block := int64(LeastBlock)
	for block < MostBlock && size/block >= many {
		block *= 2
	}
	return block
}

// GoodBlock tells whether a block size may be asked for: a power of two in range.
func GoodBlock(block int64) bool {
	return block >= LeastBlock && block <= MostBlock && block&(block-1) == 0
}

// Blocks counts the blocks of a content.
func Blocks(size, block int64) int64 { return (size + block - 1) / block }

// AppendEntries appends the entries of count blocks from first on, all of which the content of size bytes has. It reads the
// ends of each alone.
func AppendEntries(b []byte, r io.ReaderAt, size, block, first, count int64) ([]byte, error) {
	var buf [2 * ends]byte
	var head [ends]byte
	if count > 0 {
		if err := readFull(r, head[:min(ends, size-first*block)], first*block); err != nil {
			return b, err
		}
	}
	for n := first; n < first+count; n++ {
		end := min((n+1)*block, size)
		k := min(ends, end-n*block)
		border := buf[:k+min(ends, size-end)] // the tail of this block with the head of the next one
		if err := readFull(r, border, end-k); err != nil {
			return b, err
		}
		b = binary.LittleEndian.AppendUint32(b, weakSum(head[:k]))
		b = binary.LittleEndian.AppendUint32(b, endsSum(head[:k], border[:k]))
		copy(head[:], border[k:])
	}
	return b, nil
}

// AppendSums appends the sums of whole blocks, as AppendEntries does their entries. buf is room to read into.
func AppendSums(b []byte, r io.ReaderAt, size, block, first, count int64, buf []byte) ([]byte, error) {
	var d xxhash.Digest
	for n := first; n < first+count; n++ {
		d.Reset()
		end := min((n+1)*block, size)
		for at := n * block; at < end; {
			part := buf[:min(int64(len(buf)), end-at)]
			if err := readFull(r, part, at); err != nil {
				return b, err
			}
			d.Write(part)
			at += int64(len(part))
		}
		b = binary.LittleEndian.AppendUint64(b, d.Sum64())
	}
	return b, nil
}

// Sums are the sums of some blocks in a row, as AppendSums wrote them.
type Sums []byte

// Of is the n-th of them.
func (s Sums) Of(n int64) uint64 { return binary.LittleEndian.Uint64(s[EntrySize*n:]) }

// readFull reads all of b: io.ErrUnexpectedEOF where the file ends before.
func readFull(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case err == nil || err == io.EOF:
		return io.ErrUnexpectedEOF
	}
	return err
}

// weakSum is the rolling hash of a block's first bytes; one that is shorter than the window is never searched for.
func weakSum(head []byte) uint32 {
	if len(head) < window {
		return 0
	}
	return roll(0, head[:window]).sum()
}

// endsSum is the hash of a block's ends. Where they overlap the bytes count twice.
func endsSum(head, tail []byte) uint32 {
	return uint32((xxhash.Sum64(head)*prime + xxhash.Sum64(tail)) >> 32)
}

const prime = 0x9e3779b97f4a7c15

// gear is the state of the rolling hash: every byte shifts the older ones up by one bit, so 64 bytes later it is gone, and
// nothing needs to be taken out again.
type gear uint64

// sum covers the last 64 bytes, as the high half does.
func (g gear) sum() uint32 { return uint32(g >> 32) }

func roll(g gear, b []byte) gear {
	for _, c := range b {
		g = g<<1 + gears[c]
	}
	return g
}

// gears are the outputs of splitmix64 from a state of 0: part of the protocol, so that both sides find the same sums.
var gears = func() (t [256]gear) {
	state := uint64(0)
	for i := range t {
		state += prime
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		t[i] = gear(z ^ z>>31)
	}
	return t
}()
