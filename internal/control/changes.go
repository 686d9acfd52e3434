package control

import (
	"errors"

	"sluice/internal/stats"
)

// Changes is for a command that writes to the database beside a running server: raise
// tells the workers that something has changed. Where no server has run there is nobody
// to tell, and raise does nothing. done ends it; raise must not be called afterwards.
func Changes(page string) (raise func(), done func(), err error) {
	p, err := stats.Open(page)
	if errors.Is(err, stats.ErrNoPage) {
		return func() {}, func() {}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return func() { p.Changes().Add(1) }, func() { p.Close() }, nil
}
