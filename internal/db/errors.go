package db

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

// Errors a caller can tell apart; everything this package returns for such a cause wraps one of them.
var (
	ErrFull     = errors.New("no space left for the database")
	ErrIO       = errors.New("database input or output failed")
	ErrUndone   = errors.New("nothing of it was kept")
	ErrStopped  = errors.New("writing to the database has stopped since a sync failed")
	ErrUnique   = errors.New("a row with this key exists")
	ErrClosed   = errors.New("the database is closed")
	ErrReadOnly = errors.New("the database is open for reading only")
	ErrNewer    = errors.New("the database was made by a newer version of this program")
	ErrDamaged  = errors.New("the database is damaged")
)

// wrap turns an error of the driver into one that wraps the sentinel of its cause.
func wrap(err error) error {
	var e sqlite3.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case sqlite3.ErrFull:
		return fmt.Errorf("%w: %w", ErrFull, err)
	case sqlite3.ErrIoErr, sqlite3.ErrCantOpen, sqlite3.ErrReadonly:
		// SQLite reports ENOSPC of a write as full, but a disk quota or a failed growth of the -shm file as I/O.
		if (e.SystemErrno == syscall.ENOSPC || e.SystemErrno == syscall.EDQUOT) && e.ExtendedCode != sqlite3.ErrIoErrFsync {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
		return fmt.Errorf("%w: %w", ErrIO, err)
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case sqlite3.ErrConstraint:
		if e.ExtendedCode == sqlite3.ErrConstraintUnique || e.ExtendedCode == sqlite3.ErrConstraintPrimaryKey {
			return fmt.Errorf("%w: %w", ErrUnique, err)
		}
	}
	return err
}

// readFailed tells whether err is a failed read of a database file.
func readFailed(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && (e.ExtendedCode == sqlite3.ErrIoErrRead || e.ExtendedCode == sqlite3.ErrIoErrShortRead)
}

// syncFailed tells whether err is a failed sync. What was not synced may be lost though a second sync succeeds, so the
// first such error is final.
func syncFailed(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && (e.ExtendedCode == sqlite3.ErrIoErrFsync || e.ExtendedCode == sqlite3.ErrIoErrDirFsync)
}
