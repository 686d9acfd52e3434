package store

import (
	"errors"
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

// Health is what the store says of itself and of the disk below it, for showing.
type Health struct {
	ReadOnly bool  // it has stopped writing
	Writable bool  // the file system takes writes
	Writes   int64 // writes of this process that are durable
	Free     int64 // bytes this user may still take
	Size     int64 // bytes of the file system
	Files    int64 // files that can still be made; the greatest number there is where the file system does not count them
	Log      int64 // bytes of the database's log
	Damaged  int64 // contents whose bytes were found not to be what their hashes say
}

// Health looks at the disk, which may take its time.
func (s *Store) Health() (Health, error) {
	h := Health{ReadOnly: s.stopped.Load(), Writable: s.writable() == nil, Writes: s.db.Stats().Writes}
	var st unix.Statfs_t
	if err := again(func() error { return unix.Statfs(string(s.folder), &st) }); err != nil {
		return h, fmt.Errorf("ask for free space: %w", err)
	}
	h.Free, h.Size, h.Files = int64(st.Bavail)*st.Bsize, int64(st.Blocks)*st.Bsize, int64(st.Ffree)
	if st.Files == 0 {
		h.Files = math.MaxInt64
	}
	info, err := os.Stat(s.folder.database() + "-wal") // stat only: to open and close it would drop SQLite's locks
	if err == nil {
		h.Log = info.Size()
	} else if !errors.Is(err, os.ErrNotExist) {
		return h, fmt.Errorf("look at the database's log: %w", err)
	}
	err = s.read(func(tx *db.Tx) error {
		h.Damaged, err = tx.Damaged()
		return err
	})
	return h, err
}

// writable asks the file system whether it would take writes. One that has broken says no when a file is opened, one that
// was mounted anew for reading only, as the kernel does after an error, says no to writing; both also to root.
func (s *Store) writable() error {
	gate := s.folder.gate() // its lock belongs to an open description: another one changes nothing
	var fd int
	err := again(func() (err error) {
		fd, err = unix.Open(gate, unix.O_RDWR|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return fmt.Errorf("open %s: %w", gate, err)
	}
	unix.Close(fd)
	for _, dir := range []string{s.folder.objects(), s.folder.segments()} {
		if err := again(func() error { return unix.Access(dir, unix.W_OK) }); err != nil {
			return fmt.Errorf("write to %s: %w", dir, err)
		}
	}
	return nil
}

// errTried ends the transaction by which Ready tries the way of a write.
var errTried = errors.New("tried")

// Ready tells whether a request that writes would find what it needs, with at least so many bytes free: none, or all that
// is wrong. It goes the way of a write as far as it leaves no trace: through the queue and the gate into a transaction
// that is undone. It may take as long as a write.
func (s *Store) Ready(least int64) (wrong []error) {
	if s.stopped.Load() {
		wrong = append(wrong, ErrReadOnly)
	}
	if err := s.writable(); err != nil {
		wrong = append(wrong, err)
	}
	h, err := s.Health()
	switch {
	case err != nil:
		wrong = append(wrong, err)
	case h.Free < least:
		wrong = append(wrong, fmt.Errorf("%w: %d bytes free, at least %d wanted", ErrSpace, h.Free, least))
	}
	err = s.db.Read(func(tx *db.Tx) error {
		_, err := tx.ServerID()
		return err
	})
	if err != nil {
		wrong = append(wrong, fmt.Errorf("read the database: %w", err))
	}
	err = s.db.Write(func(*db.Tx) error { return errTried })
	if !errors.Is(err, errTried) {
		wrong = append(wrong, fmt.Errorf("write to the database: %w", err))
	}
	return wrong
}
