package splice

import (
	"io"

	"golang.org/x/sys/unix"
)

// Discard reads at most max bytes from a stream socket to nothing: the body of a request that was refused. A TCP socket
// drops them in the kernel, without a copy. It returns ErrAgain when the socket has none, and io.EOF at the end.
func Discard(fd, max int) (int, error) {
	n, err := drop(fd, max)
	if err == unix.EFAULT || err == unix.EOPNOTSUPP {
		// Only TCP knows how to read without a buffer.
		n, err = read(fd, max)
	}
	if err != nil {
		return 0, wrap("discard", err)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func drop(fd, max int) (int, error) {
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), 0, uintptr(max), unix.MSG_TRUNC|unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

func read(fd, max int) (int, error) {
	var b [16 << 10]byte
	for {
		n, _, err := unix.Recvfrom(fd, b[:min(max, len(b))], unix.MSG_DONTWAIT)
		if err != unix.EINTR {
			return n, err
		}
	}
}
