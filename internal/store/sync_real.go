//go:build !mutant

package store

import "golang.org/x/sys/unix"

// What all promises hang on stands here by itself, so that a build with the tag mutant can leave one of them out and show
// that the tests notice (internal/torture).

// syncFile makes a file's bytes durable.
func syncFile(fd int) error { return unix.Fdatasync(fd) }

// syncNames makes the names in a folder durable.
func syncNames(fd int) error { return unix.Fsync(fd) }

// differ tells whether bytes are not those of their hash.
func differ(got, want [32]byte) bool { return got != want }
