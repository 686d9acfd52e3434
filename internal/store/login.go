package store

import (
	"sync"
	"time"

	"sluice/internal/db"
)

// loginDelays slows guessing down: the first three failures of an account from an address cost nothing, each further
// one doubles a delay from a quarter of a second to a minute. It is in the worker's memory: N workers allow N times
// the guesses, which argon2 and the cap on hashing bound anyway.
type loginDelays struct {
	mu    sync.Mutex
	fails map[string]loginFails
}

type loginFails struct {
	count int
	until time.Time
}

const (
	freeFailures  = 3
	firstDelay    = 250 * time.Millisecond
	greatestDelay = time.Minute
	delaysKept    = 4096 // entries; beyond it the ones whose delay is over are forgotten, then all
)

// wait tells how long key must still wait.
func (d *loginDelays) wait(key string, at time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return max(0, d.fails[key].until.Sub(at))
}

// failed counts a failure of key.
func (d *loginDelays) failed(key string, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails == nil {
		d.fails = make(map[string]loginFails)
	}
	if len(d.fails) >= delaysKept {
		for k, f := range d.fails {
			if at.After(f.until.Add(greatestDelay)) {
				delete(d.fails, k)
			}
		}
		if len(d.fails) >= delaysKept {
			clear(d.fails)
		}
	}
	f := d.fails[key]
	f.count++
	if over := f.count - freeFailures; over > 0 {
		f.until = at.Add(min(greatestDelay, firstDelay<<min(over-1, 20)))
	}
	d.fails[key] = f
}

// passed forgets key's failures.
func (d *loginDelays) passed(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.fails, key)
}

// decoy is what an unknown account's password is compared with, so that unknown and wrong cost the same.
var decoy = formatPassword(make([]byte, 16), make([]byte, argonKey))

// LoginDelayed is ErrTries with the time to wait.
type LoginDelayed struct{ Wait time.Duration }

func (e *LoginDelayed) Error() string {
	return "too many failed log-ins: try again in " + e.Wait.Round(time.Second).String()
}
func (e *LoginDelayed) Unwrap() error { return ErrTries }

// Login gives a new device token for a password. A wrong name and a wrong password are the same ErrLogin and cost the
// same work; LoginDelayed after too many failures from one address. The token is stored hashed and shown this once.
func (s *Store) Login(user, password, device, address string) (Who, string, error) {
	key := user + "\x00" + address
	if wait := s.delays.wait(key, time.Now()); wait > 0 {
		return Who{}, "", &LoginDelayed{Wait: wait}
	}
	var account *db.Account
	err := s.read(func(tx *db.Tx) (err error) {
		account, err = tx.AccountByName([]byte(user))
		return err
	})
	if err != nil {
		return Who{}, "", err
	}
	stored := decoy
	if account != nil {
		stored = account.Password
	}
	s.hashing <- struct{}{}
	good, err := checkPassword(stored, password)
	<-s.hashing
	if err != nil {
		return Who{}, "", err
	}
	if !good || account == nil {
		s.delays.failed(key, time.Now())
		return Who{}, "", ErrLogin
	}
	s.delays.passed(key)

	token := newToken()
	var w Who
	err = s.writeAnyway(func(tx *db.Tx) error {
		id, err := tx.InsertDevice(account.ID, []byte(device), tokenHash(token), now())
		if err != nil {
			return err
		}
		w, err = s.who(tx, &db.Device{ID: id, Account: account.ID})
		return err
	})
	return w, token, err
}
