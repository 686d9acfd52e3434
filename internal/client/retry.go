package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"time"
)

// temporary tells whether the same request may succeed a moment later, and how long the server asks to wait.
func temporary(err error) (pause time.Duration, yes bool) {
	var server *Error
	var lost *lostError
	switch {
	case errors.As(err, &server):
		pause = time.Duration(server.RetryMs) * time.Millisecond
		return pause, server.Code.Temporary() && pause < patience
	case errors.As(err, &lost):
		var mistake *UsageError
		var name *net.DNSError
		if errors.As(err, &mistake) || errors.Is(err, ErrClosed) || errors.Is(err, ErrProtocol) || errors.Is(err, ErrOtherServer) {
			return 0, false
		}
		return 0, !errors.As(err, &name) || !name.IsNotFound
	}
	return 0, false
}

// isTimeout tells whether err took a whole Options.Timeout to come.
func isTimeout(err error) bool {
	var network *net.OpError
	return errors.Is(err, ErrTimeout) || errors.As(err, &network) && network.Timeout()
}

// backoff is the pause before try number attempt (from 1): doubling, at most backoffMost, a random half of it taken off so
// that clients of a server that comes back do not arrive together. The first is nearly at once: a lost worker's neighbour
// is there already.
func backoff(attempt int) time.Duration {
	if attempt <= 1 {
		return rand.N(10 * time.Millisecond)
	}
	full := backoffMost
	if attempt < 10 {
		full = min(full, backoffFirst<<(attempt-2))
	}
	return full/2 + rand.N(full/2)
}

// sleep waits, or tells why it did not.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
