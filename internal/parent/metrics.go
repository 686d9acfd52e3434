package parent

import (
	"context"
	"fmt"

	"sluice/internal/handoff"
)

// The hand-off's tags: a worker serves HTTP on connections of the metrics listener.
const (
	tagMain    = handoff.Native
	tagMetrics = handoff.Metrics
)

// metricsAddresses is where counters can be read, if anywhere. Only loopback: the numbers tell who works
// when and how much, and nothing there asks for a password.
func metricsAddresses(ctx context.Context, config *Config) ([]address, error) {
	if config.Metrics == "" {
		return nil, nil
	}
	wanted, err := resolve(ctx, config.Metrics)
	if err != nil {
		return nil, err
	}
	for i := range wanted {
		wanted[i].setting = "--metrics"
		if !wanted[i].addr.Addr().IsLoopback() {
			return nil, fmt.Errorf("%w: metrics address %s can be reached from other machines, and it asks for no password: take 127.0.0.1 or [::1], and let a proxy that does stand in front",
				ErrConfig, config.Metrics)
		}
	}
	return wanted, nil
}
