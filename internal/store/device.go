package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	"sluice/internal/db"
)

// Who is an account and the device it came with; the zero value is nobody.
type Who struct {
	Account   int64
	Device    int64
	Namespace int64 // home
	Root      int64 // home's root folder
	Name      string
}

// tokenBytes is the length of a device token before hex: 256 random bits.
const tokenBytes = 32

// tokenHash is what is kept of a token. Plain SHA-256 will do: a token is random, there is nothing to guess.
func tokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// newToken makes a device token.
func newToken() string {
	var b [tokenBytes]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// Device finds who a token belongs to: ErrLogin for an unknown one, ErrRevoked for one that was ended.
func (s *Store) Device(token string) (Who, error) {
	var w Who
	err := s.read(func(tx *db.Tx) error {
		d, err := tx.DeviceByToken(tokenHash(token))
		if err != nil {
			return err
		}
		if d == nil {
			return ErrLogin
		}
		if d.Revoked != 0 {
			return ErrRevoked
		}
		w, err = s.who(tx, d)
		return err
	})
	return w, err
}

// who fills in a device's account.
func (s *Store) who(tx *db.Tx, d *db.Device) (Who, error) {
	a, err := tx.Account(d.Account)
	if err != nil {
		return Who{}, err
	}
	if a == nil {
		return Who{}, ErrRevoked
	}
	home, err := tx.Namespace(a.Namespace)
	if err != nil {
		return Who{}, err
	}
	if home == nil {
		return Who{}, ErrRevoked
	}
	return Who{Account: a.ID, Device: d.ID, Namespace: a.Namespace, Root: home.Root, Name: string(a.Name)}, nil
}

// DeviceGood asks whether w's token still stands: ErrRevoked if not.
func (s *Store) DeviceGood(w Who) error {
	return s.read(func(tx *db.Tx) error { return deviceGood(tx, w) })
}

func deviceGood(tx *db.Tx, w Who) error {
	d, err := tx.Device(w.Device)
	if err != nil {
		return err
	}
	if d == nil || d.Revoked != 0 || d.Account != w.Account {
		return ErrRevoked
	}
	return nil
}

// DeviceRevoke ends the token of one of the account's devices; 0 means w's own. reply is stored with it.
func (s *Store) DeviceRevoke(w Who, o Once, device int64, reply []byte) ([]byte, error) {
	if device == 0 {
		device = w.Device
	}
	var answer []byte
	err := s.writeAnyway(func(tx *db.Tx) error {
		var err error
		answer, err = s.once(tx, w, o, func(*db.Tx) error { return nil }, func(tx *db.Tx) ([]byte, error) {
			d, err := tx.Device(device)
			if err != nil {
				return nil, err
			}
			if d == nil || d.Account != w.Account {
				return nil, ErrNotFound
			}
			return reply, tx.RevokeDevice(device, now())
		})
		return err
	})
	return answer, err
}
