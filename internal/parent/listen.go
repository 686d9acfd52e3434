package parent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// listener is one bound socket. It owns fd.
type listener struct {
	fd      int
	addr    netip.AddrPort // as bound: port 0 has become a number
	wanted  address        // what it was bound for
	passed  bool           // it came from the service manager, which decides where it listens
	armedAt time.Time      // not before: after an error that would only repeat
	tag     uint8          // the hand-off's, for its connections
}

// listeners is what a configuration listens on: all of them, and those of them that were
// bound for it and not there before.
type listeners struct {
	all, made []*listener
	open      bool // one can be reached from other machines
}

// bind makes all listeners config wants, or none. Of those in have, the ones that fit stay
// as they are, also for the connections that wait in them; the rest is the caller's.
func bind(ctx context.Context, config *Config, have []*listener) (*listeners, error) {
	l := new(listeners)
	err := l.bind(ctx, config, have)
	if err == nil {
		err = tryCongestion(config.Congestion)
	}
	if err != nil {
		closeAll(l.made)
		return nil, err
	}
	return l, nil
}

func (l *listeners) bind(ctx context.Context, config *Config, have []*listener) error {
	for _, h := range have {
		if h.passed {
			l.all = append(l.all, h)
		}
	}
	if len(l.all) > 0 {
		open, err := openPassed(l.all, config.PlainAllowed)
		if err != nil {
			return err
		}
		l.open = open
	} else {
		wanted, open, err := addresses(ctx, config.Listen, config.PlainAllowed)
		if err != nil {
			return err
		}
		l.open = open
		if err := l.add(wanted, tagMain, config.Congestion, have); err != nil {
			return err
		}
	}
	wanted, err := metricsAddresses(ctx, config)
	if err != nil {
		return err
	}
	return l.add(wanted, tagMetrics, "", have)
}

// add takes a listener for each wanted address out of have or binds it.
func (l *listeners) add(wanted []address, tag uint8, congestion string, have []*listener) error {
	var left error
	some := len(wanted) == 0
	for _, a := range wanted {
		at := slices.IndexFunc(have, func(h *listener) bool {
			return h.wanted == a && h.tag == tag && !h.passed && !slices.Contains(l.all, h)
		})
		if at >= 0 {
			l.all = append(l.all, have[at])
			some = true
			continue
		}
		one, err := bindOne(a, congestion)
		switch {
		case err == nil:
			one.tag = tag
			l.all, l.made = append(l.all, one), append(l.made, one)
			some = true
		case a.fromName && (errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EAFNOSUPPORT)):
			left = err
		default:
			return err
		}
	}
	if !some {
		return left
	}
	return nil
}

// texts are the addresses of those with a tag, as status shows them.
func texts(all []*listener, tag uint8) []string {
	var list []string
	for _, l := range all {
		if l.tag == tag {
			list = append(list, l.String())
		}
	}
	return list
}

// bindOne makes one listener. What is set on it is inherited by every connection it
// accepts, which saves those system calls for each.
func bindOne(a address, congestion string) (*listener, error) {
	failed := func(doing string, err error) (*listener, error) {
		text := ""
		switch {
		case errors.Is(err, unix.EADDRINUSE):
			text = "; another program listens there: stop it, or choose another address with " + a.flag()
		case errors.Is(err, unix.EACCES):
			text = "; ports below 1024 need the capability CAP_NET_BIND_SERVICE: choose a higher one with " + a.flag()
		case errors.Is(err, unix.EADDRNOTAVAIL):
			text = "; this machine does not have that address (`ip address` shows those it has)"
		}
		return nil, fmt.Errorf("%s %s: %w%s", doing, a.addr, err, text)
	}
	family := unix.AF_INET
	if a.addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return failed("make a socket for", err)
	}
	if err := listenerOptions(fd, a, congestion); err != nil {
		unix.Close(fd)
		return nil, err
	}
	if err := unix.Bind(fd, sockaddr(a.addr)); err != nil {
		unix.Close(fd)
		return failed("listen on", err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		unix.Close(fd)
		return failed("listen on", err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return failed("ask for the port of", err)
	}
	return &listener{fd: fd, addr: addrPort(bound), wanted: a}, nil
}

func listenerOptions(fd int, a address, congestion string) error {
	set := func(level, option, value int) error {
		if err := unix.SetsockoptInt(fd, level, option, value); err != nil {
			return fmt.Errorf("prepare the socket for %s: %w", a.addr, err)
		}
		return nil
	}
	// A restart must not wait for the connections of the server before.
	if err := set(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if err := setInherited(fd); err != nil {
		return fmt.Errorf("prepare the socket for %s: %w", a.addr, err)
	}
	if a.addr.Addr().Is6() {
		only := 1
		if a.dual {
			only = 0
		}
		if err := set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only); err != nil {
			return err
		}
	}
	if congestion == "" {
		return nil
	}
	return setCongestion(fd, congestion)
}

func setCongestion(fd int, name string) error {
	if err := unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, name); err != nil {
		known, _ := os.ReadFile("/proc/sys/net/ipv4/tcp_available_congestion_control")
		return fmt.Errorf("%w: congestion control %q: %w; this kernel offers: %s", ErrConfig, name, err, strings.TrimSpace(string(known)))
	}
	return nil
}

// tryCongestion tells whether a congestion control can be set: listeners that stay get it
// only when there is no way back.
func tryCongestion(name string) error {
	if name == "" {
		return nil
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return fmt.Errorf("make a socket: %w", err)
	}
	defer unix.Close(fd)
	return setCongestion(fd, name)
}

// recongest gives a listener that stays another congestion control; empty: the system's.
func recongest(l *listener, name string) error {
	if name == "" {
		usual, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
		if err != nil {
			return fmt.Errorf("find the system's congestion control: %w", err)
		}
		name = strings.TrimSpace(string(usual))
	}
	return setCongestion(l.fd, name)
}

func (l *listener) String() string { return l.addr.String() }

func closeAll(all []*listener) {
	for _, l := range all {
		unix.Close(l.fd)
	}
}

func haveIPv6() bool {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	ip := a.Addr()
	if ip.Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}
	}
	to := &unix.SockaddrInet6{Port: int(a.Port()), Addr: ip.As16()}
	if zone, err := net.InterfaceByName(ip.Zone()); err == nil {
		to.ZoneId = uint32(zone.Index)
	}
	return to
}

// addrPort is the address without a zone; the zero value for what is not IP.
func addrPort(s unix.Sockaddr) netip.AddrPort {
	switch s := s.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(s.Addr), uint16(s.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(s.Addr).Unmap(), uint16(s.Port))
	}
	return netip.AddrPort{}
}
