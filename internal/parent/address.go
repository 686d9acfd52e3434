package parent

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// address is one socket address to bind.
type address struct {
	addr netip.AddrPort
	// fromName: a name stands for several addresses, and one this machine does not
	// have is left out instead of being an error.
	fromName bool
	// dual: an IPv6 wildcard that takes IPv4 as well.
	dual bool
	// setting is the flag it was given with; empty: --listen.
	setting string
}

func (a *address) flag() string {
	if a.setting == "" {
		return "--listen"
	}
	return a.setting
}

// addresses turns what was configured into what to bind, and refuses plain addresses
// beyond loopback unless they are allowed: who listens there sees passwords and files.
func addresses(ctx context.Context, listen []string, plain bool) (all []address, open bool, err error) {
	for _, text := range listen {
		some, err := resolve(ctx, text)
		if err != nil {
			return nil, false, err
		}
		for _, a := range some {
			if a.addr.Addr().IsLoopback() {
				continue
			}
			open = true
			if !plain {
				return nil, false, fmt.Errorf("%w: %s can be reached from other machines, and nothing would be encrypted: listen on 127.0.0.1 or [::1] and come through `ssh -L`, or set plain = \"allow\" if the network itself is safe",
					ErrPlain, text)
			}
		}
		all = append(all, some...)
	}
	return all, open, nil
}

func resolve(ctx context.Context, text string) ([]address, error) {
	host, portText, err := net.SplitHostPort(text)
	if err != nil {
		return nil, fmt.Errorf("%w: listen address %q: give HOST:PORT, for example 127.0.0.1:7440 or [::1]:7440", ErrConfig, text)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%w: listen address %q: the port is a number from 0 to 65535", ErrConfig, text)
	}
	at := func(ip netip.Addr) netip.AddrPort { return netip.AddrPortFrom(ip.Unmap(), uint16(port)) }
	switch host {
	case "", "*":
		if haveIPv6() {
			return []address{{addr: at(netip.IPv6Unspecified()), dual: true}}, nil
		}
		return []address{{addr: at(netip.IPv4Unspecified())}}, nil
	case "localhost": // also where no hosts file says so
		return []address{
			{addr: at(netip.AddrFrom4([4]byte{127, 0, 0, 1})), fromName: true},
			{addr: at(netip.IPv6Loopback()), fromName: true},
		}, nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []address{{addr: at(ip)}}, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("%w: listen address %q: %w", ErrConfig, text, err)
	}
	var all []address
	for _, ip := range found {
		all = append(all, address{addr: at(ip), fromName: true})
	}
	return all, nil
}
