//go:build !amd64

package hash

import "unsafe"

const wide = false

func compress16(*[16]words, unsafe.Pointer, uint64, uint64, uint64, uint64, uint32, uint32, uint32) {
	panic("BUG: there is no such code for this processor")
}
