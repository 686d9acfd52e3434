// Package mapped lends a program a range of a file as memory: the pages of the kernel's cache themselves, where reading
// would copy them. What is hashed, compared or written elsewhere in one pass costs a third less that way.
//
// A file that cannot be read, or has become shorter, is found out in the middle of it by a fault. Here that is an error.
package mapped

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"unsafe"

	"golang.org/x/sys/unix"
)

var (
	// ErrNone says that the file cannot be mapped, or does not have the range. Nothing was done.
	ErrNone = errors.New("the range cannot be had as memory")
	// ErrFault says that the file has become shorter, or could not be read, while it was being used. Reading tells which.
	ErrFault = errors.New("the range is not there any more")
)

// Least is how many bytes are worth it: a mapping costs as much as to copy some 30 KiB.
const Least = 128 << 10

// Range calls use with length bytes of a file from offset on, at least one. They are there for as long as use runs, and
// change when the file does. They must not be written to. Range returns the error of use, or ErrNone where use was not called, or
// ErrFault where it was ended in the middle.
func Range(fd int, offset, length int64, use func(b []byte) error) error {
	skip := offset % int64(os.Getpagesize())
	if length <= 0 || offset < 0 || length > 1<<62-offset {
		return fmt.Errorf("%w: %d bytes from %d on", ErrNone, length, offset)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || offset+length > st.Size {
		return fmt.Errorf("%w: %d bytes from %d on: %v", ErrNone, length, offset, err)
	}
	// Populate: if a disk must be waited for, that is done in this call, in which the scheduler gives the processor to others,
	// and not in a fault, in which it cannot.
	whole, err := unix.Mmap(fd, offset-skip, int(skip+length), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNone, err)
	}
	defer unix.Munmap(whole)
	return guarded(whole, whole[skip:], use)
}

// guarded makes a fault within whole an error.
func guarded(whole, b []byte, use func([]byte) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			if !within(whole, r) {
				panic(r)
			}
			err = ErrFault
		}
	}()
	return use(b)
}

// within tells whether a panic is a fault in a range of memory.
func within(b []byte, panicked any) bool {
	fault, ok := panicked.(interface {
		runtime.Error
		Addr() uintptr
	})
	if !ok {
		return false
	}
	start := uintptr(unsafe.Pointer(&b[0]))
	return fault.Addr() >= start && fault.Addr()-start < uintptr(len(b)+os.Getpagesize())
}
