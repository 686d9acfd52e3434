package live

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Network tells when links, addresses or routes of this machine change (rtnetlink(7)): the moment to try again what could
// not be reached. Where that cannot be told it stays silent.
type Network struct {
	bell
	file *os.File
}

// WatchNetwork begins to watch; Close ends it.
func WatchNetwork() *Network {
	n := &Network{}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return n
	}
	groups := uint32(unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV6_ROUTE)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		unix.Close(fd)
		return n
	}
	n.file = os.NewFile(uintptr(fd), "rtnetlink")
	go n.read()
	return n
}

func (n *Network) read() {
	buf := make([]byte, 64<<10)
	for {
		_, err := n.file.Read(buf)
		if err != nil && !errors.Is(err, unix.ENOBUFS) { // too many at once: something changed
			return
		}
		n.ring()
	}
}

// Close ends it.
func (n *Network) Close() {
	if n.file != nil {
		n.file.Close()
	}
}
