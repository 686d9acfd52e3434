package hash

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// wide tells that sixteen inputs are compressed at once by code of our own.
var wide = cpu.X86.HasAVX512F

// compress16 compresses sixteen inputs of some blocks of 64 bytes each, which begin so many bytes apart, and writes their
// chaining values. Lane n's counter is counter + n*each, in which the lower half must not overflow. The flags are those of
// the first block, of those between, and what the last one has besides.
//
//go:noescape
func compress16(values *[16]words, in unsafe.Pointer, apart, blocks, counter, each uint64, first, between, last uint32)
