package bench

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// listen opens a listener on loopback, port 0. The floors use bare descriptors throughout.
func listen(congestion string) (fd int, address string, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, "", err
	}
	if err := errors.Join(setCongestion(fd, congestion),
		unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 1024)); err != nil {
		return -1, "", err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return -1, "", err
	}
	return fd, fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port), nil
}

// accept takes a connection, non-blocking and without delay.
func accept(listener int) (int, error) {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err == unix.EINTR {
			continue
		}
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		}
		return fd, err
	}
}

// dial connects a socket, non-blocking and without delay.
func dial(address, congestion string) (int, error) {
	return dialFrom(address, congestion, [4]byte{127, 0, 0, 1})
}

// dialFrom is dial with the address on loopback that the server sees.
func dialFrom(address, congestion string, from [4]byte) (int, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !to.Addr().Is4() || !to.Addr().IsLoopback() {
		return -1, fmt.Errorf("not a loopback address: %q", address)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := errors.Join(
		setCongestion(fd, congestion),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		// The port is chosen by connect, among those free towards this server.
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
		unix.Bind(fd, &unix.SockaddrInet4{Addr: from}),
		unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}),
		unix.SetNonblock(fd, true),
	); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("connect to %s: %w", address, err)
	}
	return fd, nil
}

func setCongestion(fd int, name string) error {
	if name == "" {
		return nil
	}
	if err := unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, name); err != nil {
		return fmt.Errorf("congestion control %q: %w", name, err)
	}
	return nil
}

// await blocks until fd is ready.
func await(fd int, events int16) {
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, -1)
}

// writeAll writes all of b, waiting where it must.
func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		switch err {
		case nil:
			b = b[n:]
		case unix.EAGAIN:
			await(fd, unix.POLLOUT)
		case unix.EINTR:
		default:
			return err
		}
	}
	return nil
}

// readAll fills b, waiting where it must.
func readAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Read(fd, b)
		switch {
		case err == unix.EAGAIN:
			await(fd, unix.POLLIN)
		case err == unix.EINTR:
		case err != nil:
			return err
		case n == 0:
			return errClosed
		default:
			b = b[n:]
		}
	}
	return nil
}

var errClosed = errors.New("the other side has closed")

// freePort finds a port for a peer that cannot choose one itself.
func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
