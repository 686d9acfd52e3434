package parent

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// What a connection is set to. Linux copies all of it from the listener when a connection is accepted (tried one by one),
// so it is set once and not six times a connection, which cost 2 us each.
const (
	userTimeout    = 60 * time.Second // unacknowledged data: the peer's host is gone; TCP would try for 15 minutes
	keepaliveAfter = 60 * time.Second // of silence
	keepaliveEvery = 15 * time.Second
	keepaliveTries = 4
)

// setInherited sets on a listener what its connections are to have. On one taken over from another server it does no
// harm; connections that wait in it already keep what that one has set.
func setInherited(fd int) error {
	for _, o := range [...]struct {
		name          string
		level, option int
		value         int
	}{
		// Header and body leave together by MSG_MORE; nothing is ever to be held back.
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds())},
		{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(keepaliveAfter.Seconds())},
		{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(keepaliveEvery.Seconds())},
		{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepaliveTries},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.option, o.value); err != nil {
			return fmt.Errorf("set %s: %w", o.name, err)
		}
	}
	return nil
}
