package client

import (
	"context"
	"net"
	"testing"
	"time"
)

// A request that is canceled while its last bytes leave ends its connection before it returns: what ends it later ends a call
// that has nothing to do with it.
func TestCanceledAtTheEnd(t *testing.T) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for range 100 {
		tcp, err := net.DialTCP("tcp", nil, listener.Addr().(*net.TCPAddr))
		if err != nil {
			t.Fatal(err)
		}
		c := &conn{tcp: tcp, dead: make(chan struct{}), watcher: time.AfterFunc(time.Hour, func() {})}
		ctx, cancel := context.WithCancel(t.Context())
		out := output{conn: c, ctx: ctx}
		out.full()
		cancel()
		out.close()
		if c.usable() {
			t.Fatal("the connection is still used, and about to end")
		}
	}
}
