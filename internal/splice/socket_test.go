package splice

import (
	"errors"
	"math/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// connect makes two non-blocking TCP sockets that are connected to each other over loopback.
func connect(t *testing.T) (a, b int) {
	t.Helper()
	listener := must(t)(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
	defer unix.Close(listener)
	if err := errors.Join(
		unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(listener, 1)); err != nil {
		t.Fatal(err)
	}
	address, err := unix.Getsockname(listener)
	if err != nil {
		t.Fatal(err)
	}
	a = must(t)(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
	if err := unix.Connect(a, address); err != nil {
		t.Fatal(err)
	}
	b, _, err = unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(a, true); err != nil {
		t.Fatal(err)
	}
	unix.SetsockoptInt(a, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	t.Cleanup(func() { unix.Close(a); unix.Close(b) })
	return a, b
}

func must(t *testing.T) func(int, error) int {
	return func(v int, err error) int {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func bytesOf(n int) []byte {
	b := make([]byte, n)
	rand.New(rand.NewSource(int64(n))).Read(b)
	return b
}

// file makes a file that holds content.
func file(t *testing.T, content []byte) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	return f
}

// sendAll writes b to a socket; it gives up without a word when the peer is gone.
func sendAll(fd int, b []byte) {
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		switch err {
		case nil:
			b = b[n:]
		case unix.EAGAIN, unix.EINTR:
			waitFor(fd, unix.POLLOUT)
		default:
			return
		}
	}
}

// receive reads n bytes from a socket, or fewer to its end.
func receive(fd, n int) []byte {
	b := make([]byte, 0, n)
	for len(b) < n {
		k, err := unix.Read(fd, b[len(b):n])
		switch {
		case err == unix.EAGAIN || err == unix.EINTR:
			waitFor(fd, unix.POLLIN)
		case err != nil || k == 0:
			return b
		default:
			b = b[:len(b)+k]
		}
	}
	return b
}

func waitFor(fd int, events int16) {
	// The time limit turns a hang into a failed comparison.
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, int((5 * time.Second).Milliseconds()))
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
