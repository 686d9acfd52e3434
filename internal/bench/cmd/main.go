// Command cmd is the benchmark harness as `make bench` runs it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"sluice/internal/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := bench.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
