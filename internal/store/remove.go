package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"sluice/internal/db"
)

const (
	removeBatch = 500         // rows of one transaction of a removal: some 10 ms
	removeEvery = time.Minute // how often the keeper looks for removals that were cut off
)

// UserRemove removes an account with all its names and versions; contents nobody else holds are doomed. First, in one
// transaction, nobody can use the account any more and its name is free; then what it held goes in batches, between which
// others write. After an error in the midst of them, or a kill, the keeper goes on.
func (s *Store) UserRemove(name string) error {
	var gone *db.Account
	err := s.withAccount(name, func(tx *db.Tx, a *db.Account) error {
		gone = a
		return tx.DisableAccount(a)
	})
	if err != nil {
		return err
	}
	if err := s.removeRest(context.Background(), gone); err != nil {
		return fmt.Errorf("user %q is gone, what it held goes later: %w", name, err)
	}
	return nil
}

// removals goes on with what processes that were killed have begun to remove.
func (s *Store) removals(ctx context.Context) {
	for {
		err := s.removeDisabled(ctx)
		if err != nil && ctx.Err() == nil && !s.stopped.Load() {
			s.config.Log("warn", "remove what removed users held", err)
		}
		if !pause(ctx, removeEvery) {
			return
		}
	}
}

func (s *Store) removeDisabled(ctx context.Context) error {
	var all []db.Account
	err := s.read(func(tx *db.Tx) (err error) {
		all, err = tx.DisabledAccounts()
		return err
	})
	for i := range all {
		err = errors.Join(err, s.removeRest(ctx, &all[i]))
	}
	return err
}

// removeRest removes what a disabled account holds, and at last the account. Each batch leaves a state that the check finds
// right, and looks anew, so any process may go on with it, or two at once.
//
// The past goes first, as by age: what then stands in the root is given up like what was deleted.
func (s *Store) removeRest(ctx context.Context, a *db.Account) error {
	steps := []func() error{
		func() error { return s.removeUploads(ctx, a) },
		func() error { return s.removeHolds(ctx, a) },
		func() error { return s.purgeEnded(ctx, a.Namespace, db.Moved, math.MaxInt64, removeBatch) },
		func() error { return s.purgeEnded(ctx, a.Namespace, db.Replaced, math.MaxInt64, removeBatch) },
		func() error {
			_, err := s.purgeDeleted(ctx, a.Namespace, math.MaxInt64, true, removeBatch)
			return err
		},
		func() error { return s.purgeRoot(ctx, a.Namespace) },
		func() error { return s.purgeBelow(ctx, a.Namespace, removeBatch) },
		func() error {
			return s.removeRows(ctx, func(tx *db.Tx) (int, error) { return tx.DeleteRepeats(a.ID, removeBatch/5) }, removeBatch/5) // long ones
		},
		func() error {
			return s.removeRows(ctx, func(tx *db.Tx) (int, error) { return tx.DeleteMomentsOf(a.Namespace, removeBatch) }, removeBatch)
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return s.writeAnyway(func(tx *db.Tx) error { return tx.DeleteAccount(a) })
}

// removeRows removes rows until a batch is not full.
func (s *Store) removeRows(ctx context.Context, batch func(tx *db.Tx) (int, error), full int) error {
	return s.inBatches(ctx, func(*db.Tx) (bool, error) { return true, nil }, func(tx *db.Tx) (bool, error) {
		n, err := batch(tx)
		return n == full, err
	})
}

// removeUploads ends an account's uploads.
func (s *Store) removeUploads(ctx context.Context, a *db.Account) error {
	find := func(tx *db.Tx) ([]db.Unfinished, error) { return tx.UploadsOf(a.ID, 0, removeBatch) }
	return s.inBatches(ctx, func(tx *db.Tx) (bool, error) {
		some, err := find(tx)
		return len(some) > 0, err
	}, func(tx *db.Tx) (bool, error) {
		some, err := find(tx)
		for i := 0; i < len(some) && err == nil; i++ {
			_, err = endUpload(tx, a.ID, some[i].ID)
		}
		return len(some) == removeBatch, err
	})
}

// removeHolds removes what an account has uploaded and not named. To find it all holds are read, outside of the
// transactions.
func (s *Store) removeHolds(ctx context.Context, a *db.Account) error {
	for after := int64(0); ; {
		var some []int64
		err := s.read(func(tx *db.Tx) (err error) {
			some, err = tx.HoldsOf(a.ID, after, removeBatch)
			return err
		})
		if err != nil || len(some) == 0 {
			return err
		}
		after = some[len(some)-1]
		list := numberList(some)
		err = s.writeAnyway(func(tx *db.Tx) error {
			bytes, err := tx.ReleaseHolds(a.ID, list)
			if err != nil {
				return err
			}
			_, err = tx.Charge(a.ID, -bytes)
			return err
		})
		if err != nil {
			return err
		}
		if !pause(ctx, purgePause) {
			return ctx.Err()
		}
	}
}

// purgeRoot gives up what stands in the root of a namespace that nobody may use any more: its end has the number that was
// given to that.
func (s *Store) purgeRoot(ctx context.Context, namespace int64) error {
	return s.inBatches(ctx, func(*db.Tx) (bool, error) { return true, nil }, func(tx *db.Tx) (bool, error) {
		ns, err := tx.Namespace(namespace)
		if err != nil || ns == nil { // another has come to the end of it
			return false, err
		}
		some, err := tx.Children(nil, ns.Root, nil, removeBatch)
		if err != nil || len(some) == 0 {
			return false, err
		}
		p := purger{tx: tx, left: removeBatch}
		end := db.Past{Until: ns.Journal, At: now()}
		for i := 0; i < len(some) && p.left > 0; i++ {
			if err := p.child(&some[i], &end); err != nil {
				return false, err
			}
		}
		return true, tx.Forget(namespace, p.bytes, 0, 0)
	})
}
