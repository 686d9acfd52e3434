//go:build !mutant

package store

import "golang.org/x/sys/unix"

// What all promises hang on stands here by itself, so that a build with the tag mutant can leave one of them out and show
// that the tests notice (internal/torture).

// syncFile makes a file's bytes durable. What file it is concerns only a build that leaves something out, as for differ.
func syncFile(fd int, _ string) error { return unix.Fdatasync(fd) }

// syncNames makes the names in a folder durable.
func syncNames(fd int) error { return unix.Fsync(fd) }

// differ tells whether bytes are not those of their hash.
func differ(_ string, got, want [32]byte) bool { return got != want }

// proves tells whether a tag that fits or does not is one of a proof.
func proves(fits bool) bool { return fits }
