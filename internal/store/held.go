package store

import (
	"errors"

	"sluice/internal/db"
)

// resolve is the one function that turns a hash into a content. It knows only complete contents that the account
// holds: by a name, a past version, or an upload it has not named yet. For all others, there or not, it says ErrNotFound:
// a hash is not a key.
func resolve(tx *db.Tx, w Who, hash [32]byte) (db.Content, error) {
	c, found, err := tx.HeldContent(w.Account, hash[:])
	if err != nil {
		return db.Content{}, err
	}
	if !found {
		return db.Content{}, ErrNotFound
	}
	if c.Damaged {
		return c, ErrSpoiled
	}
	return c, nil
}

// notSpoiled says of a damaged content that it is not there, to those who would build upon it: they send all then.
func notSpoiled(err error) error {
	if errors.Is(err, ErrSpoiled) {
		return ErrNotFound
	}
	return err
}

// Have tells which contents an account holds, or none where nothing may be spared.
func (s *Store) Have(w Who, hashes [][32]byte) ([]bool, error) {
	held := make([]bool, len(hashes))
	if s.config.Policy.Instant == InstantOff {
		return held, nil
	}
	err := s.read(func(tx *db.Tx) error {
		for i, h := range hashes {
			switch _, err := resolve(tx, w, h); err {
			case nil:
				held[i] = true
			case ErrNotFound, ErrSpoiled: // what is spoiled is wanted again
			default:
				return err
			}
		}
		return nil
	})
	return held, err
}
