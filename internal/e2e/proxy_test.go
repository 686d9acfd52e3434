package e2e

import (
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"
)

// newProxy passes connections on to an address, each piece after a pause of its own: what is sent first on one connection
// may arrive after what is sent later on another one.
func newProxy(t *testing.T, to string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", to)
			if err != nil {
				c.Close()
				continue
			}
			go late(s, c)
			go late(c, s)
		}
	}()
	return l.Addr().String()
}

// late copies until one side ends, and ends both.
func late(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil && err != io.EOF || n == 0 {
			return
		}
	}
}

// proxied is the server as it is seen through a proxy.
func proxied(s *server, proxy string) *server {
	seen := *s
	seen.address = proxy
	return &seen
}
