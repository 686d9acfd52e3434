package store

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
	"sluice/internal/hash"
)

// Probe is a few ranges of a large content, as both sides compute it.
type Probe = hash.Probe

// Likeness is what an account has that is like a content.
type Likeness struct {
	Held         *[32]byte // a content of the same size and probe
	Relative     *[32]byte // else the largest that begins or ends alike
	RelativeSize int64
	Partial      bool // an unfinished upload of the same size and probe
}

// Probe looks for a content by its size and probe, only within what the account holds.
func (s *Store) Probe(w Who, size int64, probe *Probe) (l Likeness, err error) {
	if size < hash.ProbeLeast || size > uploadChunks*ChunkSize {
		return l, fmt.Errorf("%w: a probe of a content of %d bytes", ErrRange, size)
	}
	row := probeRow(size, probe)
	err = s.read(func(tx *db.Tx) error {
		held, err := tx.HeldProbe(w.Account, row)
		if err != nil {
			return err
		}
		if held != nil {
			l.Held = (*[32]byte)(held)
			return nil
		}
		upload, err := tx.UploadByProbe(w.Account, row, 0)
		if err != nil {
			return err
		}
		l.Partial = upload != 0
		relative, n, err := tx.Relative(w.Account, row)
		if relative != nil {
			l.Relative, l.RelativeSize = (*[32]byte)(relative), n
		}
		return err
	})
	return l, err
}

func probeRow(size int64, p *hash.Probe) *db.Probe {
	return &db.Probe{Size: size, Head: p.Head, Middle: p.Middle, Tail: p.Tail}
}

// readProbe computes the probe of a content from its file; nil: it is too small for one.
func readProbe(fd int, size int64) (*db.Probe, error) {
	if size < hash.ProbeLeast {
		return nil, nil
	}
	p, err := hash.ReadProbe(fileAt(fd), size)
	if err != nil {
		return nil, err
	}
	return probeRow(size, &p), nil
}

// fileAt reads a file by its descriptor, which it does not own.
type fileAt int

func (f fileAt) ReadAt(b []byte, offset int64) (n int, err error) {
	for n < len(b) {
		k, err := unix.Pread(int(f), b[n:], offset+int64(n))
		switch {
		case err == unix.EINTR:
		case err != nil:
			return n, fmt.Errorf("read: %w", err)
		case k == 0:
			return n, io.EOF
		}
		n += max(k, 0)
	}
	return n, nil
}

// fillProbes computes the probes of contents that have none: those that were there before probes were kept, and what was
// imported. Whoever does not find them only sends more than need be, so errors end it quietly.
func (s *Store) fillProbes(ctx context.Context) {
	for last := int64(0); ctx.Err() == nil && !s.stopped.Load(); {
		var bare []db.Content
		err := s.read(func(tx *db.Tx) (err error) {
			bare, err = tx.Unprobed(last, hash.ProbeLeast, probeBatch)
			return err
		})
		if err == nil && len(bare) > 0 {
			last = bare[len(bare)-1].ID
			err = s.fillProbesOf(bare)
		}
		if err != nil {
			s.config.Log("warn", "compute the probes of large contents", err)
		}
		if err != nil || len(bare) < probeBatch || !pause(ctx, keeperTick) {
			return
		}
	}
}

func (s *Store) fillProbesOf(bare []db.Content) error {
	probes := make([]*db.Probe, len(bare))
	for i, c := range bare {
		fd, err := unix.Open(s.folder.object(c.ID), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue // collected this very moment, or missing: a check tells
		}
		probes[i], err = readProbe(fd, c.Size)
		unix.Close(fd)
		if err != nil {
			return err
		}
	}
	return s.transact(func(tx *db.Tx) error {
		for i, p := range probes {
			if p == nil {
				continue
			}
			if err := tx.AddProbe(bare[i].ID, p); err != nil {
				return err
			}
		}
		return nil
	})
}
