package main

import (
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the build.
var version = "dev"

func main() {
	// A short-lived program with a few buffers: collecting garbage less often costs some 10 MB and saves a tenth of
	// the time of a first push.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	cobra.EnableCommandSorting = false // push comes before pull, as one needs them
	os.Exit(newProgram(os.Stdin, os.Stdout, os.Stderr, os.LookupEnv).run(os.Args[1:]))
}
