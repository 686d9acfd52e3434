package store

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"sluice/internal/db"
	"sluice/internal/proof"
)

// Possession is the answer to a challenge: the account says to have this content, and here are the tags.
type Possession struct {
	Hash  [32]byte
	Size  int64
	Nonce []byte
	Tags  []byte
}

// MaxProven bounds what one call of Prove reads, bytes.
const MaxProven = proof.Whole

// Challenge gives out a nonce for a content that an account does not hold, whether it is there or not; nil: none is given,
// as it is too small or proofs are not taken.
func (s *Store) Challenge(w Who, hash [32]byte, size int64) []byte {
	if s.config.Policy.Instant != InstantProof || size < proof.Least {
		return nil
	}
	nonce := s.subject(w, hash, size).NewNonce(s.secret, now()+int64(nonceKept))
	return nonce[:]
}

func (s *Store) subject(w Who, hash [32]byte, size int64) *proof.Subject {
	return &proof.Subject{Server: s.server, Account: w.Account, Device: w.Device, Hash: hash, Size: size}
}

// Prove tells which contents the account holds now: those it held already, and those it has proven to have, which are
// charged to it as if it had uploaded them. For all others it is told nothing but no: a content that is not there takes
// the same way as one that was not proven, with the same reads of the database and, nearly, the same work. What is left to
// be told by the time it takes is for the caller to hide.
func (s *Store) Prove(w Who, all []Possession) (linked []bool, err error) {
	if s.stopped.Load() {
		return nil, ErrReadOnly
	}
	cost := int64(0)
	for i := range all {
		cost += proof.Cost(all[i].Size)
	}
	if cost > MaxProven {
		return nil, fmt.Errorf("%w: proofs that take %d bytes to read, at most %d", ErrRange, cost, int64(MaxProven))
	}
	linked = make([]bool, len(all))
	if s.config.Policy.Instant == InstantOff {
		return linked, nil
	}
	claims := make([]claimed, len(all))
	if err := s.lookAt(w, all, claims); err != nil {
		return nil, err
	}
	if s.config.Policy.Instant == InstantProof {
		for i := range claims {
			c := &claims[i]
			c.proven = s.proven(w, &all[i], c) && c.good && c.id != 0
		}
	}
	if err := s.step("possession verified"); err != nil {
		return nil, err
	}
	if err := s.link(w, all, claims); err != nil {
		return nil, err
	}
	for i := range claims {
		linked[i] = claims[i].held
	}
	return linked, s.step("linked")
}

// claimed is what is known of a possession.
type claimed struct {
	held   bool   // by the account
	nonce  []byte // its id; nil: not one of ours, or ended
	end    int64
	good   bool  // the nonce is, and was not used yet
	id     int64 // of the content; 0: it is not there
	at     *Location
	proven bool
}

// lookAt reads what there is of each, in one snapshot.
func (s *Store) lookAt(w Who, all []Possession, claims []claimed) error {
	at := now()
	return s.read(func(tx *db.Tx) error {
		for i := range all {
			p, c := &all[i], &claims[i]
			id, end, good := s.subject(w, p.Hash, p.Size).Check(s.secret, p.Nonce, at)
			used, err := tx.NonceUsed(id)
			if err != nil {
				return err
			}
			if good {
				c.nonce, c.end, c.good = id, end, !used
			}
			mine, err := resolve(tx, w, p.Hash)
			if err != nil && err != ErrNotFound && err != ErrSpoiled {
				return err
			}
			c.held = err == nil && mine.Size == p.Size
			there, found, err := tx.AnyContent(p.Hash[:], p.Size)
			if err != nil {
				return err
			}
			if found {
				c.id, c.at = there.ID, s.location(&there)
			}
		}
		return nil
	})
}

// proven compares the tags with the content's own, in an order that nobody knows, and stops at the first that is wrong: who
// has no more than the hash makes the server read one range, who has half of the bytes two. For a content that is not there
// they are compared with those of zeros.
func (s *Store) proven(w Who, p *Possession, c *claimed) bool {
	if c.held || len(p.Tags) != proof.TagsOf(p.Size)*proof.TagLen {
		return false
	}
	var content io.ReaderAt = zeros{}
	if c.id != 0 {
		f, err := c.at.Open()
		if err != nil { // a broken disk, or just collected
			s.config.Log("warn", "open a content to check a proof", err)
			return false
		}
		defer f.Release()
		content = fileBytes{f}
	}
	s.verifying <- struct{}{}
	defer func() { <-s.verifying }()
	pooled := s.windows.Get().(*[]byte)
	defer s.windows.Put(pooled)
	challenge := proof.Challenge{Nonce: p.Nonce, Server: s.server, Account: w.Name, Hash: p.Hash, Size: p.Size}
	key, ranges := challenge.Key(), proof.Ranges(p.Nonce, p.Size)
	for _, i := range rand.Perm(len(ranges)) {
		b := (*pooled)[:ranges[i].Length]
		if _, err := content.ReadAt(b, ranges[i].Offset); err != nil {
			s.config.Log("warn", "read a content to check a proof", err)
			return false
		}
		if !proves(key.Fits(i, b, p.Tags)) {
			return false
		}
	}
	return true
}

// fileBytes is a File as an io.ReaderAt.
type fileBytes struct{ f *File }

func (b fileBytes) ReadAt(to []byte, offset int64) (int, error) {
	return len(to), b.f.ReadAt(to, offset)
}

// zeros stands for a content that is not there.
type zeros struct{}

func (zeros) ReadAt(to []byte, _ int64) (int, error) {
	clear(to)
	return len(to), nil
}

// link uses the nonces up and gives the account what it has proven, in one transaction: whether the nonce was used and the
// content is still there is asked again in it.
func (s *Store) link(w Who, all []Possession, claims []claimed) error {
	return s.write(func(tx *db.Tx) error {
		at := now()
		for i := range claims {
			p, c := &all[i], &claims[i]
			if c.nonce == nil {
				continue
			}
			first, err := tx.UseNonce(c.nonce, c.end)
			if err != nil {
				return err
			}
			if !c.proven || !first {
				continue
			}
			if c.held, err = take(tx, w, p, c.id, at); err != nil {
				return err
			}
		}
		return nil
	})
}

// take gives an account the hold of a content it has proven to have; false: the content is gone, or does not fit its
// limit, which it hears of when it sends it.
func take(tx *db.Tx, w Who, p *Possession, id, at int64) (bool, error) {
	switch _, err := resolve(tx, w, p.Hash); err {
	case ErrNotFound:
	case nil: // another device was faster, or it is named twice here
		return true, nil
	case ErrSpoiled: // it is to be sent, which heals it
		return false, nil
	default:
		return false, err
	}
	there, found, err := tx.AnyContent(p.Hash[:], p.Size)
	if err != nil || !found || there.ID != id {
		return false, err
	}
	if err := charge(tx, w, p.Size); err != nil {
		if errors.Is(err, ErrQuota) {
			err = nil
		}
		return false, err
	}
	return true, tx.InsertHold(w.Account, id, p.Size, at)
}
