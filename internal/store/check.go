package store

import (
	"errors"
	"fmt"

	"sluice/internal/db"
)

// ErrOutdated says that this program would have to change the database first.
var ErrOutdated = errors.New("this version changes the database")

// Check tells whether this program can serve a data folder as it is, and changes nothing: a server is at work on it.
func Check(data string) error {
	have, want, err := db.SchemaVersion(folder(data).database())
	switch {
	case err != nil:
		return explain(err)
	case have != want:
		return fmt.Errorf("%w, from %d to %d: it cannot take over while another works with it; restart instead", ErrOutdated, have, want)
	}
	return nil
}
