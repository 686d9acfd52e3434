// Command cmd is the benchmark harness as `make bench` runs it; with the word plot first it draws what a run has kept.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"sluice/internal/bench"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "plot" {
		os.Exit(plotMain(os.Args[2:], os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := bench.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
