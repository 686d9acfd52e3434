package store

import (
	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

// Location is where a content lies. It stays true for as long as the content exists.
type Location struct {
	Size int64

	s      *Store
	file   fileKey
	offset int64
}

// Find resolves a hash for an account: ErrNotFound if it does not hold it.
func (s *Store) Find(w Who, hash [32]byte) (*Location, error) {
	found, err := s.find(w, [][32]byte{hash})
	if err != nil {
		return nil, err
	}
	if found[0] == nil {
		return nil, ErrNotFound
	}
	return found[0], nil
}

// FindAll resolves many hashes, out of memory where that is fresh; nil: not held.
func (s *Store) FindAll(w Who, hashes [][32]byte) ([]*Location, error) {
	all := make([]*Location, len(hashes))
	var asked [][32]byte
	for i, h := range hashes {
		if all[i] = s.Remembered(w, h); all[i] == nil {
			asked = append(asked, h)
		}
	}
	if len(asked) == 0 {
		return all, nil
	}
	found, err := s.find(w, asked)
	if err != nil {
		return nil, err
	}
	next := 0
	for i := range all {
		if all[i] == nil {
			all[i] = found[next]
			next++
		}
	}
	return all, nil
}

// find asks the database and remembers.
func (s *Store) find(w Who, hashes [][32]byte) ([]*Location, error) {
	found := make([]*Location, len(hashes))
	seen := s.moment() // before the query: what changes meanwhile makes it stale
	err := s.read(func(tx *db.Tx) error {
		for i, h := range hashes {
			c, err := resolve(tx, w, h)
			if err == ErrNotFound {
				continue
			}
			if err != nil {
				return err
			}
			found[i] = s.location(&c)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.places.keep(w, hashes, found, seen)
	return found, nil
}

func (s *Store) location(c *db.Content) *Location {
	l := &Location{Size: c.Size, s: s, file: fileKey{c.ID, false}, offset: c.Offset}
	if c.Segment != 0 {
		l.file = fileKey{c.Segment, true}
	}
	return l
}

// Open opens the content's file, or takes a descriptor that is open already. ErrNotFound: the location was remembered
// and its file is gone; look it up again.
func (l *Location) Open() (*File, error) {
	if l.Size == 0 {
		return &File{s: l.s}, nil
	}
	o, err := l.s.openFile(l.file)
	if err != nil {
		return nil, err
	}
	return &File{s: l.s, o: o, base: l.offset, size: l.Size}, nil
}

// ReadNow reads from a content what is in memory, without waiting for a disk; it may be called on the loop. False: do it
// in a job. n is len(b) but at the content's end.
func (s *Store) ReadNow(l *Location, offset int64, b []byte) (n int, ok bool) {
	if offset < 0 || offset >= l.Size || len(b) == 0 {
		return 0, offset >= 0
	}
	b = b[:min(int64(len(b)), l.Size-offset)]
	o := s.files.get(l.file)
	if o == nil {
		return 0, false
	}
	defer s.files.put(o)
	n, err := unix.Preadv2(o.fd, [][]byte{b}, l.offset+offset, unix.RWF_NOWAIT)
	return n, err == nil && n == len(b)
}
