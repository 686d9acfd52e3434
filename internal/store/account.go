package store

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"sluice/internal/db"
)

// MaxPassword bounds what is hashed; the wire allows no more either.
const MaxPassword = 1024

// User is an account as the administrator sees it.
type User struct {
	Name  string
	Quota int64  // bytes, its own or its plan's; 0: none
	Plan  string // empty: none
	Used  int64  // charged for names and kept versions
	Held  int64  // charged for uploads not yet named
	Made  int64  // ns since 1970
}

// UserAdd adds an account with its home namespace. quota 0 means none but that of the plan; plan may be empty.
func (s *Store) UserAdd(name, password string, quota int64, plan string) error {
	if err := checkUser(name); err != nil {
		return err
	}
	if err := checkNewPassword(password); err != nil {
		return err
	}
	hashed := hashPassword(password)
	return s.writeAnyway(func(tx *db.Tx) error {
		there, err := tx.AccountByName([]byte(name))
		if err != nil {
			return err
		}
		if there != nil {
			return fmt.Errorf("user %q: %w", name, ErrExists)
		}
		if err := tx.InsertAccount([]byte(name), hashed, quota, newEpoch(), now()); err != nil || plan == "" {
			return err
		}
		a, err := tx.AccountByName([]byte(name))
		if err != nil {
			return err
		}
		return setPlan(tx, a.ID, plan)
	})
}

// UserSet changes what is not nil: an empty plan is none, a quota of 0 none but that of the plan.
func (s *Store) UserSet(name string, password *string, quota *int64, plan *string) error {
	var hashed string
	if password != nil {
		if err := checkNewPassword(*password); err != nil {
			return err
		}
		hashed = hashPassword(*password)
	}
	return s.withAccount(name, func(tx *db.Tx, a *db.Account) error {
		if password != nil {
			if err := tx.SetPassword(a.ID, hashed); err != nil {
				return err
			}
		}
		if plan != nil {
			if err := setPlan(tx, a.ID, *plan); err != nil {
				return err
			}
		}
		if quota != nil {
			return tx.SetQuota(a.ID, *quota)
		}
		return nil
	})
}

func (s *Store) withAccount(name string, change func(tx *db.Tx, a *db.Account) error) error {
	return s.writeAnyway(func(tx *db.Tx) error {
		a, err := tx.AccountByName([]byte(name))
		if err != nil {
			return err
		}
		if a == nil {
			return fmt.Errorf("user %q: %w", name, ErrNotFound)
		}
		return change(tx, a)
	})
}

// Users lists all accounts by name.
func (s *Store) Users() ([]User, error) {
	var users []User
	err := s.read(func(tx *db.Tx) error {
		accounts, err := tx.Accounts()
		for _, a := range accounts {
			users = append(users, User{Name: string(a.Name), Quota: a.Quota, Plan: a.Plan, Used: a.Used, Held: a.Held, Made: a.Created})
		}
		return err
	})
	return users, err
}

// Usage tells what an account is charged for, and its limit (0: none).
func (s *Store) Usage(w Who) (used, held, limit int64, err error) {
	err = s.read(func(tx *db.Tx) error {
		a, err := tx.Account(w.Account)
		if err != nil {
			return err
		}
		if a == nil {
			return ErrRevoked
		}
		home, err := tx.Namespace(a.Namespace)
		if err != nil {
			return err
		}
		if home == nil {
			return ErrNotFound
		}
		used, held, limit = home.Used, a.Held, a.Quota
		return nil
	})
	return used, held, limit, err
}

// checkUser refuses names that would be trouble in a shell, a log or an address.
func checkUser(name string) error {
	if name == "" || len(name) > 64 || !utf8.ValidString(name) {
		return errors.New("a user name is 1 to 64 bytes of UTF-8")
	}
	if strings.ContainsAny(name, "/:@%\\\"'") || strings.HasPrefix(name, "-") || strings.HasPrefix(name, ".") {
		return fmt.Errorf("user name %q: leave out / : @ %% \\ and quotes, and do not begin with - or a dot", name)
	}
	for _, r := range name {
		if r <= ' ' || r == 0x7f {
			return fmt.Errorf("user name %q: leave out spaces and control characters", name)
		}
	}
	return nil
}

func checkNewPassword(password string) error {
	if password == "" {
		return errors.New("an empty password lets everybody in: give one of at least 1 byte")
	}
	if len(password) > MaxPassword {
		return fmt.Errorf("a password is at most %d bytes", MaxPassword)
	}
	return nil
}

// newEpoch makes a namespace's epoch: random, so that a restored one never looks like the old one; positive.
func newEpoch() int64 {
	var b [8]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return int64(binary.BigEndian.Uint64(b[:])>>1 | 1)
}
