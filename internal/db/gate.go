package db

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// gate orders the writers of all processes: a file whose flock is held from BEGIN IMMEDIATE to COMMIT. The kernel
// queues those who wait, so each gets its turn, and gives the gate back when a holder dies. The lock belongs to the
// open file description: two handles within one process exclude each other too.
type gate struct{ fd int } // owned; -1: no gate

// openGate opens the gate's file, making it if need be. An empty path is a gate that is always open.
func openGate(path string) (gate, error) {
	if path == "" {
		return gate{-1}, nil
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return gate{-1}, fmt.Errorf("open gate %s: %w", path, err)
	}
	return gate{fd}, nil
}

// enter waits for the gate; it blocks the thread.
func (g gate) enter() error { return g.flock(unix.LOCK_EX) }

// leave opens the gate for the next one.
func (g gate) leave() error { return g.flock(unix.LOCK_UN) }

func (g gate) flock(how int) error {
	if g.fd < 0 {
		return nil
	}
	for {
		err := unix.Flock(g.fd, how)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("gate: %w", err)
		}
		return nil
	}
}

func (g gate) close() error {
	if g.fd < 0 {
		return nil
	}
	return unix.Close(g.fd)
}
