package store

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"sluice/internal/hash"
)

// adopt makes a content of a file that lies elsewhere: sharing its extents where the file system can, else copied. sure is
// asked once the bytes are here, whether they are what was meant. What follows is what follows the bytes of a batch: verified
// as they lie here, synced, committed.
func (s *Store) adopt(w Who, from int, size int64, sure func() error) (sum [32]byte, shared bool, err error) {
	if s.stopped.Load() {
		return sum, false, ErrReadOnly
	}
	in := &Incoming{s: s, w: w, objects: []object{{size: size, fd: -1, run: -1}}}
	o := &in.objects[0]
	if err := in.quota(size); err != nil {
		return sum, false, err
	}
	if err := s.mayUpload(size); err != nil {
		return sum, false, err
	}
	if o.number, o.fd, err = s.newObject(); err != nil {
		return sum, false, err
	}
	clear := true
	defer func() {
		if err != nil {
			o.fate = wrong
			clear = !errors.Is(err, errUnsure)
		}
		in.end(clear)
	}()
	if shared, err = cloneFile(o.fd, from, size); err != nil {
		return sum, false, err
	}
	if err = sure(); err != nil {
		return sum, false, err
	}
	startWriting(o.fd, 0, size)
	s.verifying <- struct{}{}
	o.hash, _, err = hash.SumReader(&stretch{o.fd, 0, size})
	<-s.verifying
	if err != nil {
		return sum, false, fmt.Errorf("verify: %w", err)
	}
	if err = in.sync(); err == nil {
		err = in.commit()
	}
	return o.hash, shared, err
}

// readOnce reads a file of a known size, whole.
func readOnce(fd int, b []byte) error {
	if err := readAt(fd, b, 0); err != nil {
		return err
	}
	var more [1]byte
	n, err := unix.Pread(fd, more[:], int64(len(b)))
	if err == nil && n > 0 {
		err = errChanged
	}
	return err
}
