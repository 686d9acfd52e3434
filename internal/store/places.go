package store

import (
	"sync"
	"time"
)

// places remembers which account may read which content where. What was held when nothing has been committed since, or
// a second ago, is held. Two generations bound it: when the young one is full it becomes the old one, whose rest is
// forgotten.
type places struct {
	mu         sync.Mutex
	young, old map[placeKey]place
}

type placeKey struct {
	account int64
	hash    [32]byte
}

type place struct {
	at   *Location
	seen moment
}

// moment is a state of the database: the change counter, and when it was read.
type moment struct {
	changes uint64
	counted bool // there is a change counter
	at      time.Time
}

func (s *Store) moment() moment {
	m := moment{at: time.Now()}
	if s.config.Changes != nil {
		m.changes, m.counted = s.config.Changes(), true
	}
	return m
}

// holds tells whether what was so at m is to be believed at n.
func (m moment) holds(n moment) bool {
	return m.counted && m.changes == n.changes || n.at.Sub(m.at) < rightsKept
}

// Remembered gives the location of a content the account holds, out of memory; nil: ask Find. It may be called on the
// loop.
func (s *Store) Remembered(w Who, hash [32]byte) *Location {
	key := placeKey{w.Account, hash}
	now := s.moment()
	s.places.mu.Lock()
	defer s.places.mu.Unlock()
	p, ok := s.places.young[key]
	if !ok {
		if p, ok = s.places.old[key]; !ok {
			return nil
		}
		s.places.put(key, p)
	}
	if !p.seen.holds(now) {
		return nil
	}
	return p.at
}

// keep remembers what was found.
func (a *places) keep(w Who, hashes [][32]byte, found []*Location, seen moment) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, l := range found {
		if l != nil && !l.Spoiled { // what is damaged may be healed at any time
			a.put(placeKey{w.Account, hashes[i]}, place{l, seen})
		}
	}
}

// put is called with mu held.
func (a *places) put(key placeKey, p place) {
	if len(a.young) >= placesKept/2 || a.young == nil {
		a.young, a.old = make(map[placeKey]place), a.young
	}
	a.young[key] = p
}
