package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

// StartUp makes a data folder ready for workers: makes it if it is empty, brings the database up to date, removes what
// dead lives left (DESIGN.md's table), and looks for damage. It holds schema.lock alone, so nobody else is at work. log
// takes lines for the administrator; an error's text says what to do.
func StartUp(data string, log func(string)) error {
	return startUp(Config{Data: data, Slot: noSlot, Log: func(_, msg string, err error) {
		if err != nil {
			msg += ": " + err.Error()
		}
		log(msg)
	}})
}

func startUp(config Config) error {
	f := folder(config.Data)
	if config.Log == nil {
		config.Log = func(string, string, error) {}
	}
	if err := f.make(); err != nil {
		return err
	}
	l, err := lockFile(f.schemaLock(), exclusive, commandWait)
	if errors.Is(err, ErrInUse) {
		return fmt.Errorf("%w; another server or command is at work on %s: stop it, or wait for it, and start again", err, f)
	}
	if err != nil {
		return err
	}
	defer l.unlock()
	f.makeLocks()
	(&Store{config: config, folder: f}).makeRoom()
	switch err := db.Migrate(f.database()); {
	case errors.Is(err, db.ErrNewer):
		return fmt.Errorf("%w; start the newer version of the server, or restore a backup made by this one", err)
	case errors.Is(err, db.ErrDamaged):
		return fmt.Errorf("%w; nothing was changed: check the disk and restore the last backup to %s", err, f)
	case err != nil:
		return err
	}
	s, err := newStore(config)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.makeReady()
}

// makeReady does what a database that is up to date still needs. Nobody else is at work.
func (s *Store) makeReady() error {
	if s.server == "" {
		var uuid [16]byte
		rand.Read(uuid[:]) // never fails (crypto/rand)
		if err := s.write(func(tx *db.Tx) error { return tx.InsertServer(uuid[:], now()) }); err != nil {
			return err
		}
	}
	lives, err := s.unended(anySlot)
	if err != nil {
		return err
	}
	for _, id := range lives {
		if err := s.cleanDead(id); err != nil {
			return err
		}
	}
	if err := s.discardAll(); err != nil {
		return err
	}
	if err := syncFolder(string(s.folder)); err != nil { // the database's own name
		return err
	}
	s.fillReserves()
	return s.look()
}

// look finds what must be there and is not. One missing file concerns its contents only: it is told, and all others are
// served. All segments missing is a disk that is not mounted.
func (s *Store) look() error {
	var segments []int64
	var uploads []db.Upload
	err := s.read(func(tx *db.Tx) (err error) {
		if segments, err = tx.LivingSegments(); err == nil { // one that holds nothing may be half-way out
			uploads, err = tx.Uploads()
		}
		return err
	})
	if err != nil {
		return err
	}
	missing := 0
	for _, n := range segments {
		if !there(s.folder.segment(n)) {
			missing++
			s.config.Log("error", fmt.Sprintf("segment %016x is missing: its contents cannot be read; restore it from a backup", n), nil)
		}
	}
	if missing > 0 && missing == len(segments) {
		return fmt.Errorf("%w: %s holds none of the %d segments the database knows; if it is a mount, mount it and start again",
			ErrDamaged, s.folder.segments(), missing)
	}
	for _, u := range uploads {
		if !there(s.folder.object(u.Content)) {
			s.config.Log("error", fmt.Sprintf("the file of upload %d is missing: it cannot go on and will be swept", u.ID), nil)
		}
	}
	return nil
}

func there(path string) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil
}

// prepare makes a data folder ready for a command where no server has done so yet.
func prepare(config Config) error {
	f := folder(config.Data)
	if _, err := os.Stat(f.database()); err == nil {
		have, want, err := db.SchemaVersion(f.database())
		if err != nil {
			return explain(err)
		}
		if have == want {
			return nil
		}
	}
	return startUp(config)
}

// explain adds to an error of opening what to do.
func explain(err error) error {
	switch {
	case errors.Is(err, db.ErrNewer):
		return fmt.Errorf("%w; use the newer version of the program", err)
	case errors.Is(err, db.ErrDamaged):
		return fmt.Errorf("%w; check the disk and restore the last backup", err)
	}
	return err
}
