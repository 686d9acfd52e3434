package store

import (
	"errors"
	"fmt"
	"syscall"

	"sluice/internal/db"
)

// What can go wrong for a peer. Every error of this package that a peer may hear of wraps one of these; all others are
// the server's own fault, and only their fact is told.
var (
	ErrNotFound    = errors.New("not found") // also: not allowed to know
	ErrForbidden   = errors.New("not allowed")
	ErrConflict    = errors.New("another version stands there")
	ErrExists      = errors.New("a name stands there")
	ErrNotFolder   = errors.New("not a folder")
	ErrIsFolder    = errors.New("is a folder")
	ErrNotEmpty    = errors.New("the folder is not empty")
	ErrSpoiled     = errors.New("the bytes kept of this content are damaged")
	ErrHash        = errors.New("the bytes are not what their hash says")
	ErrQuota       = errors.New("over the quota")
	ErrSpace       = errors.New("no space left on the server")
	ErrLowSpace    = fmt.Errorf("%w for uploads", ErrSpace) // some is left, and kept for what is there
	ErrBusy        = errors.New("claimed by another request")
	ErrKeyReused   = errors.New("the key belongs to another request")
	ErrEpoch       = errors.New("the epoch has changed")
	ErrNotKept     = errors.New("versions that old are not kept any more")
	ErrDiffers     = errors.New("present with another value")
	ErrNotUploaded = errors.New("not uploaded")
	ErrCycle       = errors.New("a folder cannot move below itself")
	ErrTries       = errors.New("too many failed log-ins")
	ErrLogin       = errors.New("wrong name or password")
	ErrRevoked     = errors.New("the device token was ended")
	ErrReadOnly    = errors.New("the store has stopped writing after an I/O error")
	ErrRange       = errors.New("outside of what it belongs to") // an index, offset or length that cannot be
	ErrAborted     = errors.New("undone because another entry failed")
)

// What stops a program from opening a data folder; the text says what to do.
var (
	ErrPlace   = errors.New("this folder cannot be used")
	ErrInUse   = errors.New("the data folder is in use")
	ErrNewer   = db.ErrNewer
	ErrDamaged = db.ErrDamaged
)

// full turns "no space" of the system or of the database, in all its spellings, into ErrSpace.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) || errors.Is(err, db.ErrFull) {
		return fmt.Errorf("%w: %w", ErrSpace, err)
	}
	return err
}
