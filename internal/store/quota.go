package store

import "sluice/internal/db"

// Every uploaded byte that is not named yet is charged to its account (account.held), in the transaction that makes it
// a row; names and versions are charged to the namespace. A look at the start refuses early what cannot fit; the
// transaction decides, so parallel uploads find no way round, in however many workers they run.

// charge charges an account in a transaction: ErrQuota if it does not fit, ErrRevoked if the account is gone.
func charge(tx *db.Tx, w Who, bytes int64) error {
	fits, err := tx.Charge(w.Account, bytes)
	if err != nil || fits {
		return err
	}
	return whyFull(tx, w)
}

// room tells early whether a charge would fit.
func room(tx *db.Tx, w Who, bytes int64) error {
	fits, err := tx.Room(w.Account, bytes)
	if err != nil || fits {
		return err
	}
	return whyFull(tx, w)
}

func whyFull(tx *db.Tx, w Who) error {
	a, err := tx.Account(w.Account)
	if err != nil {
		return err
	}
	if a == nil {
		return ErrRevoked
	}
	return ErrQuota
}
