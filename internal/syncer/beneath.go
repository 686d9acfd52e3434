package syncer

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// beneath is a folder below which files are opened without ever following a link. It owns its descriptor.
type beneath struct {
	fd   int
	slow bool // openat2 is not to be had (before Linux 5.6, or forbidden by a container): one openat a component
}

// openBeneath opens the root itself; links on the way to it are the user's own and are followed.
func openBeneath(dir string) (*beneath, error) {
	fd, err := retry(func() (int, error) {
		return unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	b := &beneath{fd: fd}
	probe, err := b.open2(".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		b.slow = true
		return b, nil
	}
	unix.Close(probe)
	return b, nil
}

func (b *beneath) close() { unix.Close(b.fd) }

// open opens rel, a clean relative path ("" is the root), which may be neither a link nor reached through one. The
// caller owns the descriptor.
func (b *beneath) open(rel string, flags int, mode uint32) (int, error) {
	if rel == "" {
		rel = "."
	}
	if !b.slow && len(rel) < unix.PathMax {
		return b.open2(rel, flags, mode)
	}
	return b.walk(rel, flags, mode)
}

func (b *beneath) open2(rel string, flags int, mode uint32) (int, error) {
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_NOFOLLOW | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	}
	if flags&unix.O_CREAT != 0 {
		how.Mode = uint64(mode)
	}
	for {
		fd, err := unix.Openat2(b.fd, rel, &how)
		// EAGAIN: something was renamed while the path was being followed.
		if err != unix.EINTR && err != unix.EAGAIN {
			return fd, err
		}
	}
}

// walk is open by one openat for each component. It also serves paths longer than the kernel takes at once.
func (b *beneath) walk(rel string, flags int, mode uint32) (int, error) {
	at := b.fd
	for {
		name, rest, more := strings.Cut(rel, "/")
		if !more {
			fd, err := retry(func() (int, error) {
				return unix.Openat(at, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
			})
			if at != b.fd {
				unix.Close(at)
			}
			return fd, err
		}
		fd, err := retry(func() (int, error) {
			return unix.Openat(at, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		})
		if at != b.fd {
			unix.Close(at)
		}
		if err != nil {
			return -1, err
		}
		at, rel = fd, rest
	}
}

// folder opens the folder rel for reading its names and for work at it.
func (b *beneath) folder(rel string) (int, error) {
	return b.open(rel, unix.O_RDONLY|unix.O_DIRECTORY, 0)
}

// retry repeats what a signal interrupted.
func retry(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
