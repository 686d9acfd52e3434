package parent

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// tagMetrics is the hand-off's tag for connections of the metrics listener: a worker serves HTTP on them. Those of the
// main listeners have 0.
const tagMetrics = 1

// bindMetrics binds the address where counters can be read, if there is one. Only loopback: the numbers tell who works
// when and how much, and nothing there asks for a password.
func bindMetrics(ctx context.Context, config *Config) (all []*listener, err error) {
	if config.Metrics == "" {
		return nil, nil
	}
	wanted, err := resolve(ctx, config.Metrics)
	if err != nil {
		return nil, err
	}
	for _, a := range wanted {
		if !a.addr.Addr().IsLoopback() {
			return nil, fmt.Errorf("%w: metrics address %s can be reached from other machines, and it asks for no password: take 127.0.0.1 or [::1], and let a proxy that does stand in front",
				ErrConfig, config.Metrics)
		}
	}
	var left error
	for _, a := range wanted {
		a.setting = "--metrics"
		l, err := bindOne(a, "")
		switch {
		case err == nil:
			l.tag = tagMetrics
			all = append(all, l)
		case a.fromName && (errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EAFNOSUPPORT)):
			left = err
		default:
			closeAll(all)
			return nil, err
		}
	}
	if len(all) == 0 {
		return nil, left
	}
	return all, nil
}
