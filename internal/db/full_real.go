//go:build !mutant

package db

// commitSync is how a COMMIT is made durable. It stands by itself so that a build with the tag mutant can weaken it and show
// that the tests notice (internal/torture).
func commitSync() string { return "FULL" }
