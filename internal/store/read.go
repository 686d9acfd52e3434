package store

import (
	"errors"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

// Location is where a content lies. It stays true for as long as the content exists.
type Location struct {
	Size    int64
	Spoiled bool // its bytes were found to be damaged: Open answers ErrSpoiled

	s      *Store
	file   fileKey
	offset int64
}

// Find resolves a hash for an account: ErrNotFound if it does not hold it.
func (s *Store) Find(w Who, hash [32]byte) (*Location, error) {
	found, err := s.FindAgain(w, [][32]byte{hash})
	if err != nil {
		return nil, err
	}
	if found[0] == nil {
		return nil, ErrNotFound
	}
	if found[0].Spoiled {
		return nil, ErrSpoiled
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
	found, err := s.FindAgain(w, asked)
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

// FindAgain is FindAll that believes no memory, for when Open did not find what memory said: a content that was moved out
// of a segment, which was then removed, is found in its new place.
func (s *Store) FindAgain(w Who, hashes [][32]byte) ([]*Location, error) {
	found := make([]*Location, len(hashes))
	seen := s.moment() // before the query: what changes meanwhile makes it stale
	err := s.read(func(tx *db.Tx) error {
		for i, h := range hashes {
			c, err := resolve(tx, w, h)
			if err == ErrNotFound {
				continue
			}
			if err != nil && err != ErrSpoiled {
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
	l := &Location{Size: c.Size, Spoiled: c.Damaged, s: s, file: fileKey{c.ID, false}, offset: c.Offset}
	if c.Segment != 0 {
		l.file = fileKey{c.Segment, true}
	}
	return l
}

// Open opens the content's file, or takes a descriptor that is open already. ErrNotFound: the location was remembered
// and its file is gone; look it up again.
func (l *Location) Open() (*File, error) {
	if l.Spoiled {
		return nil, ErrSpoiled
	}
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
	return len(b), s.readNow(l.file, l.offset+offset, b)
}

func (s *Store) readNow(file fileKey, offset int64, b []byte) bool {
	o := s.files.get(file)
	if o == nil {
		return false
	}
	defer s.files.put(o)
	n, err := unix.Preadv2(o.fd, [][]byte{b}, offset, unix.RWF_NOWAIT)
	return err == nil && n == len(b)
}

// ReadAll reads whole contents, one after another, into b, whose length is the sum of their sizes. What lies side by side
// in a segment, as contents that came together do, is read at once. nil locations are passed over.
func (s *Store) ReadAll(all []*Location, b []byte) error {
	return stretches(all, b, func(l *Location, b []byte) error {
		o, err := s.openFile(l.file)
		if err != nil {
			return err
		}
		defer s.files.put(o)
		return readAt(o.fd, b, l.offset)
	})
}

// ReadAllNow is ReadAll out of memory; it may be called on the loop. False: do it in a job.
func (s *Store) ReadAllNow(all []*Location, b []byte) bool {
	return stretches(all, b, func(l *Location, b []byte) error {
		if !s.readNow(l.file, l.offset, b) {
			return errNotNow
		}
		return nil
	}) == nil
}

var errNotNow = errors.New("not in memory")

// stretches calls read for every row of contents that follow each other in a file, with the first one and the part of b
// that is theirs.
func stretches(all []*Location, b []byte, read func(first *Location, b []byte) error) error {
	var first *Location
	var end int64 // where the stretch ends in its file
	for _, l := range all {
		if l == nil || l.Size == 0 {
			continue
		}
		if first != nil && l.file == first.file && l.offset == end {
			end += l.Size
			continue
		}
		if first != nil {
			n := end - first.offset
			if err := read(first, b[:n]); err != nil {
				return err
			}
			b = b[n:]
		}
		first, end = l, l.offset+l.Size
	}
	if first == nil {
		return nil
	}
	return read(first, b[:end-first.offset])
}
