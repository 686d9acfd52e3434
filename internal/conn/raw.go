package conn

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls of a small request, without telling the Go scheduler: the socket is non-blocking, so none of them waits. Told, it
// takes the processor away from the loop whenever it happens to look while one runs, and looks again 20 us later: a tenth
// of what a new connection costs. What moves bodies, or may wait for a file, tells it.

func read(fd int, b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b))) // lint:allow it does not wait
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}

func write(fd int, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b))) // lint:allow it does not wait
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}

// closeSocket does not wait either: no connection has SO_LINGER.
func closeSocket(fd int) {
	_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) // lint:allow it does not wait
}
