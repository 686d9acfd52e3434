package store

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// cloneFile makes an empty file a copy of the first size bytes of another: as shared extents where the file system can, else
// range by range, holes staying holes. shared: it shares them.
func cloneFile(to, from int, size int64) (shared bool, err error) {
	if again(func() error { return unix.IoctlFileClone(to, from) }) == nil {
		return true, again(func() error { return unix.Ftruncate(to, size) })
	}
	for at := int64(0); at < size; {
		data, end, err := dataIn(from, at, size, 64)
		if err != nil {
			return false, err
		}
		for _, d := range data {
			if err := copyRange(to, d.Offset, from, d.Offset, d.Length); err != nil {
				return false, err
			}
		}
		at = end
	}
	return false, full(again(func() error { return unix.Ftruncate(to, size) }))
}

// copyRange copies a range of a file to a place in another.
func copyRange(to int, at int64, from int, offset, length int64) error {
	for length > 0 {
		n, err := unix.CopyFileRange(from, &offset, to, &at, int(min(length, 1<<30)), 0)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EXDEV, err == unix.ENOSYS, err == unix.EOPNOTSUPP, err == unix.EINVAL:
			return copyBytes(to, at, from, offset, length)
		case err != nil:
			return full(fmt.Errorf("copy: %w", err))
		case n == 0:
			return io.ErrUnexpectedEOF
		}
		length -= int64(n)
	}
	return nil
}

// copyBytes is copyRange where the kernel cannot do it by itself.
func copyBytes(to int, at int64, from int, offset, length int64) error {
	b := make([]byte, min(length, verifyWindow))
	for length > 0 {
		b = b[:min(int64(len(b)), length)]
		if err := readAt(from, b, offset); err != nil {
			return err
		}
		if err := writeAt(to, b, at); err != nil {
			return err
		}
		n := int64(len(b))
		at, offset, length = at+n, offset+n, length-n
	}
	return nil
}

// cloneTo makes the file at path, which must not be there, a copy of a part of another. The caller syncs.
func cloneTo(path string, from int, size int64) (shared bool, err error) {
	to, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return false, full(fmt.Errorf("make %s: %w", path, err))
	}
	shared, err = cloneFile(to, from, size)
	if e := unix.Close(to); err == nil && e != nil {
		err = fmt.Errorf("close %s: %w", path, e)
	}
	if err != nil {
		return false, errors.Join(err, unix.Unlink(path))
	}
	return shared, nil
}
