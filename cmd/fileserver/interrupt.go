package main

import (
	"context"
	"os/signal"
	"syscall"
)

// interruptible gives a context that SIGINT or SIGTERM ends, so that long work stops where it can be gone on with; a second
// signal ends the process.
func interruptible(ctx context.Context) (stoppable context.Context, done func()) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
