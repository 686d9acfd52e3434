package store

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// allocate reserves a range of a file on disk, so that writing it cannot find the disk full and is cheaper. A file system
// that cannot is not an error.
func allocate(fd int, offset, length int64) error {
	err := again(func() error { return unix.Fallocate(fd, 0, offset, length) })
	if err == nil || err == unix.EOPNOTSUPP || err == unix.ENOSYS {
		return nil
	}
	return full(fmt.Errorf("allocate %d bytes: %w", length, err))
}

// unallocate gives back what a failed allocation has taken of a range in which nothing was ever published. If it fails, the
// space comes back with the file's end.
func unallocate(fd int, offset, length int64) {
	unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, offset, length)
}

// roomFor refuses at once what the disk has no room for: an allocation that fails may have eaten all that was free.
func roomFor(fd int, length int64) error {
	var st unix.Statfs_t
	if err := again(func() error { return unix.Fstatfs(fd, &st) }); err != nil {
		return fmt.Errorf("ask for free space: %w", err)
	}
	if length/int64(st.Bsize) >= int64(st.Bavail) {
		return fmt.Errorf("%w: %d bytes wanted, %d blocks of %d free", ErrSpace, length, st.Bavail, st.Bsize)
	}
	return nil
}

// writeAt writes all of b.
func writeAt(fd int, b []byte, offset int64) error {
	for len(b) > 0 {
		n, err := unix.Pwrite(fd, b, offset)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return full(fmt.Errorf("write: %w", err))
		}
		b, offset = b[n:], offset+int64(n)
	}
	return nil
}

// readAt reads all of b: io.ErrUnexpectedEOF where the file ends before.
func readAt(fd int, b []byte, offset int64) error {
	for len(b) > 0 {
		n, err := unix.Pread(fd, b, offset)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		b, offset = b[n:], offset+int64(n)
	}
	return nil
}

// stretch reads a range of a file, for hashing.
type stretch struct {
	fd          int
	offset, end int64
}

func (r *stretch) Read(b []byte) (int, error) {
	b = b[:min(int64(len(b)), r.end-r.offset)]
	if len(b) == 0 {
		return 0, io.EOF
	}
	for {
		n, err := unix.Pread(r.fd, b, r.offset)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("read: %w", err)
		}
		if n == 0 {
			return 0, io.ErrUnexpectedEOF
		}
		r.offset += int64(n)
		return n, nil
	}
}

// readAhead asks for a range of a file to be brought into memory while something else is done. It is only a hint.
func readAhead(fd int, offset, length int64) {
	_ = unix.Fadvise(fd, offset, length, unix.FADV_WILLNEED)
}
