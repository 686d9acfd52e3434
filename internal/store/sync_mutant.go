//go:build mutant

package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// without tells whether SLUICE_MUTANT names a thing that this build is to leave out.
func without(what string) bool { return os.Getenv("SLUICE_MUTANT") == what }

func syncFile(fd int, what string) error {
	if without("fdatasync") || without("fdatasync of "+what) {
		return nil
	}
	return unix.Fdatasync(fd)
}

func syncNames(fd int) error {
	if without("directory") {
		return nil
	}
	return unix.Fsync(fd)
}

func differ(what string, got, want [32]byte) bool {
	return got != want && !without("hash") && !without("hash of "+what)
}

func proves(fits bool) bool { return fits || without("proof") }
