package main

import (
	"context"
	"os"
	"runtime/debug"
)

// version is set by the linker (-X main.version=…): the one package variable, because
// that is the only thing the linker can set.
var version = "dev"

func main() {
	os.Exit(Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// versionText is the version, with the commit where only the build knows it.
func versionText() string {
	if version != "dev" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return version + "-" + s.Value[:12]
		}
	}
	return version
}
