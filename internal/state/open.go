package state

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

//go:embed schema/*.sql
var files embed.FS

// applicationID is "Sluc".
const applicationID = 0x536c7563

// State is the open state file.
type State struct{ db *db.DB }

// Open opens the state file at path and makes it, with its folder, if need be.
func Open(path string) (*State, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the state folder: %w", err)
	}
	gate := path + ".lock"
	if err := migrate(path, gate); err != nil {
		return nil, err
	}
	d, err := db.Open(path, db.Options{Gate: gate, AutoCheckpoint: true, Readers: 1})
	if err != nil {
		return nil, err
	}
	return &State{db: d}, nil
}

// Close writes what was queued and closes the file.
func (s *State) Close() error { return s.db.Close() }

// migrate brings the file up to date. Several clients may start at once, so it is done under the gate.
func migrate(path, gate string) error {
	sub, err := fs.Sub(files, "schema")
	if err != nil {
		return err
	}
	schema := db.Schema{Files: sub, ID: applicationID}
	fd, err := unix.Open(gate, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("open the state's lock: %w", err)
	}
	defer unix.Close(fd)
	for {
		err := unix.Flock(fd, unix.LOCK_EX)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			return fmt.Errorf("lock the state: %w", err)
		}
	}
	have, want, err := schema.Version(path)
	if err != nil {
		return err
	}
	if have == want {
		return nil
	}
	return schema.Migrate(path)
}
