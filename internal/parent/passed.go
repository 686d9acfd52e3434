package parent

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// takePassed makes listeners of the sockets the service manager has passed, or none. They
// are TCP and listen already; what the parent needs of its own is set on them.
func takePassed(fds []int, congestion string) (all []*listener, err error) {
	for _, fd := range fds {
		l := &listener{fd: fd, passed: true, tag: tagMain}
		if err := l.takeOver(congestion); err != nil {
			return nil, fmt.Errorf("%w: the socket passed as descriptor %d: %w", ErrConfig, fd, err)
		}
		all = append(all, l)
	}
	return all, nil
}

func (l *listener) takeOver(congestion string) error {
	unix.CloseOnExec(l.fd)
	listens, err := unix.GetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil {
		return fmt.Errorf("it is no socket: %w", err)
	}
	kind, err := unix.GetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	if err != nil || listens == 0 || kind != unix.IPPROTO_TCP {
		return fmt.Errorf("it is no listening TCP socket (ListenStream=HOST:PORT and Accept=no make one)")
	}
	bound, err := unix.Getsockname(l.fd)
	if err != nil {
		return fmt.Errorf("ask for its address: %w", err)
	}
	l.addr = addrPort(bound)
	if err := unix.SetNonblock(l.fd, true); err != nil {
		return err
	}
	if err := setInherited(l.fd); err != nil {
		return err
	}
	if congestion == "" {
		return nil
	}
	return setCongestion(l.fd, congestion)
}

// openPassed tells whether one of them can be reached from other machines, and refuses
// that where plain TCP is not allowed beyond loopback.
func openPassed(all []*listener, plain bool) (open bool, err error) {
	for _, l := range all {
		if l.addr.Addr().IsLoopback() {
			continue
		}
		open = true
		if !plain {
			return true, fmt.Errorf("%w: the socket passed for %s can be reached from other machines, and nothing would be encrypted: let the .socket unit listen on 127.0.0.1 or [::1], or set plain = \"allow\" if the network itself is safe",
				ErrPlain, l)
		}
	}
	return open, nil
}
