package store

import (
	"bytes"

	"sluice/internal/db"
	"sluice/internal/hash"
)

// Once marks a changing request, so that its repetition gets the stored reply and changes nothing again.
type Once struct {
	Key     [16]byte // 128 random bits of the client's
	Type    uint16
	Request [32]byte // BLAKE3 of the header
}

// NewOnce makes the mark of a request from its key, type and header bytes.
func NewOnce(key [16]byte, kind uint16, header []byte) Once {
	return Once{Key: key, Type: kind, Request: hash.Sum(header)}
}

// once carries out do, unless the account has sent the same key before: then the stored reply is answered, after again
// has checked that the account may still have it. The reply is stored in the same transaction as the change. The same
// key with another request is ErrKeyReused.
func (s *Store) once(tx *db.Tx, w Who, o Once, again func(tx *db.Tx) error, do func(tx *db.Tx) ([]byte, error)) ([]byte, error) {
	if before, err := s.known(tx, w, o, again); err != nil || before != nil {
		return before, err
	}
	reply, err := do(tx)
	if err != nil {
		return nil, err
	}
	if reply == nil {
		reply = []byte{} // the column is NOT NULL; {} is the empty header
	}
	return reply, tx.InsertRepeat(db.Repeat{
		Account: w.Account, Key: o.Key[:], Device: w.Device, Type: int64(o.Type),
		Request: o.Request[:], Reply: reply, At: now(),
	})
}

// known gives the reply that is stored under a key; nil: there is none.
func (s *Store) known(tx *db.Tx, w Who, o Once, again func(tx *db.Tx) error) ([]byte, error) {
	before, err := tx.Repeat(w.Account, o.Key[:])
	if err != nil || before == nil {
		return nil, err
	}
	if before.Type != int64(o.Type) || !bytes.Equal(before.Request, o.Request[:]) {
		return nil, ErrKeyReused
	}
	if err := again(tx); err != nil {
		return nil, err
	}
	if before.Reply == nil {
		return []byte{}, nil
	}
	return before.Reply, nil
}
