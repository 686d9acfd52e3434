package parent

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// accept takes one connection off a listener: non-blocking, closed on exec. unix.Accept4 would ask for the socket's protocol
// with one more system call each time, and allocate its address.
func (s *server) accept(listener int) (fd int, from netip.AddrPort, err error) {
	s.peer = unix.RawSockaddrAny{}
	length := uint32(unix.SizeofSockaddrAny)
	n, _, errno := unix.RawSyscall6( // lint:allow a listener is non-blocking: it does not wait
		unix.SYS_ACCEPT4, uintptr(listener), uintptr(unsafe.Pointer(&s.peer)), uintptr(unsafe.Pointer(&length)),
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, netip.AddrPort{}, errno
	}
	return int(n), peerOf(&s.peer), nil
}

// peerOf is an address as the kernel gives it, without a zone; the zero value for what is not IP.
func peerOf(a *unix.RawSockaddrAny) netip.AddrPort {
	// The port is in network order whatever the machine's.
	port := func(p *uint16) uint16 { return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(p))[:]) }
	switch a.Addr.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(a))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), port(&in.Port))
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(a))
		return netip.AddrPortFrom(netip.AddrFrom16(in.Addr).Unmap(), port(&in.Port))
	}
	return netip.AddrPort{}
}
