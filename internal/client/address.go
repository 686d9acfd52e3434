package client

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// DefaultPort is where a server listens when nobody says otherwise.
const DefaultPort = "7440"

const (
	schemePlain  = "sluice+plain"
	schemeSecure = "sluice"
)

// UsageError is a mistake of whoever gave the options: nothing was tried.
type UsageError struct{ Text string }

func (e *UsageError) Error() string { return e.Text }

func usage(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }

// ParseAddress turns sluice+plain://host[:port] into a host:port to connect to. Everything else is a UsageError.
func ParseAddress(address string) (hostPort string, err error) {
	if address == "" {
		return "", usage("no server address; write sluice+plain://HOST[:PORT]")
	}
	u, err := url.Parse(address)
	scheme, _, found := strings.Cut(address, "://")
	switch {
	case !found || strings.EqualFold(scheme, schemeSecure):
		return "", usage("%q asks for TLS, which this version does not speak yet; write sluice+plain://HOST[:PORT] "+
			"(to another machine through a tunnel: ssh -L %s:localhost:%s HOST)", address, DefaultPort, DefaultPort)
	case !strings.EqualFold(scheme, schemePlain):
		return "", usage("%q: unknown scheme %q; write sluice+plain://HOST[:PORT]", address, scheme)
	case err != nil:
		return "", usage("address %q is not valid; write sluice+plain://HOST[:PORT]", address)
	case u.Hostname() == "":
		return "", usage("address %q names no host", address)
	case u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", usage("address %q holds more than a host and a port", address)
	}
	port := u.Port()
	if port == "" {
		port = DefaultPort
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", usage("address %q: port %q is not between 1 and 65535", address, port)
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}

// plainAllowed refuses to speak in clear to another machine unless the user allowed it. It sees the address a name was
// resolved to, so that no name server can make "localhost" something else.
func plainAllowed(resolved string, allowed bool) error {
	if allowed {
		return nil
	}
	if a, err := netip.ParseAddrPort(resolved); err == nil && a.Addr().Unmap().IsLoopback() {
		return nil
	}
	return usage("%s is another machine and sluice+plain:// is not encrypted: use a tunnel (ssh -L), or --plain to send "+
		"everything, the password too, in clear", resolved)
}
