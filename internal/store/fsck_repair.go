package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

// repairRow gives what repairs a fault between rows; nil: nothing does.
func (c *checker) repairRow(f db.Fault) func() (string, error) {
	count := func(done string, repair func(*db.Tx, int64) error) func() (string, error) {
		return func() (string, error) {
			return done, c.s.writeAnyway(func(tx *db.Tx) error { return repair(tx, f.ID) })
		}
	}
	switch f.Kind {
	case db.FaultReferences:
		return count("counted anew", (*db.Tx).RecountReferences)
	case db.FaultCharge:
		return count("counted anew", (*db.Tx).RecountCharge)
	case db.FaultUse:
		return count("counted anew", (*db.Tx).RecountUse)
	case db.FaultJournal:
		return count("raised", (*db.Tx).RaiseJournal)
	case db.FaultChunk:
		return count("removed rows that belong to nothing", (*db.Tx).DropStray)
	case db.FaultOrphan:
		return func() (done string, err error) {
			err = c.s.writeAnyway(func(tx *db.Tx) error {
				name, adopted, err := tx.AdoptOrphan(f.ID)
				if adopted {
					done = "stands in the root as " + name
				}
				return err
			})
			return done, err
		}
	}
	return nil
}

// marking gives what marks contents whose bytes are lost: they are not served any more, and the next upload of the same bytes
// heals them.
func (c *checker) marking(contents []db.Extent) func() (string, error) {
	return func() (string, error) {
		marked := 0
		for len(contents) > 0 {
			n := min(len(contents), sweepBatch)
			err := c.s.writeAnyway(func(tx *db.Tx) error {
				for _, e := range contents[:n] {
					if _, err := tx.MarkDamaged(e.ID, now()); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return "", err
			}
			marked += n
			contents = contents[n:]
		}
		return fmt.Sprintf("%d contents marked as damaged; who uploads them again heals them", marked), nil
	}
}

// markWrong gives what marks those of two contents whose bytes are wrong.
func (c *checker) markWrong(a, b db.Extent) func() (string, error) {
	return func() (string, error) {
		var wrong []db.Extent
		for _, e := range []db.Extent{a, b} {
			good, err := c.s.readsAs(e)
			if err != nil {
				return "", err
			}
			if !good {
				wrong = append(wrong, e)
			}
		}
		return c.marking(wrong)()
	}
}

// lost gives what is done about a content whose own file is not what it must be: a complete one is marked, an unfinished
// upload is ended, as it cannot go on.
func (c *checker) lost(e db.Extent) func() (string, error) {
	if e.Complete {
		return c.marking([]db.Extent{e})
	}
	return func() (done string, err error) {
		err = c.s.writeAnyway(func(tx *db.Tx) error {
			u, err := tx.UploadOf(e.ID)
			if err != nil || u == nil {
				return err
			}
			if _, err := tx.Charge(u.Account, -u.Charged); err != nil {
				return err
			}
			done = fmt.Sprintf("upload %d is ended", u.ID)
			return tx.DeleteUpload(u.ID)
		})
		return done, err
	}
}

// forget gives what makes a chunk of an unfinished upload be sent again; nil: the upload's size is open, and its charge follows
// its chunks.
func (c *checker) forget(e db.Extent, index int64) func() (string, error) {
	if e.Size < 0 {
		return nil
	}
	return func() (string, error) {
		return "it will be sent again", c.s.writeAnyway(func(tx *db.Tx) error { return tx.ForgetChunk(e.ID, index) })
	}
}

// quarantine moves a file out of the way, durably, under the path it had.
func (c *checker) quarantine(path string) (string, error) {
	name, err := filepath.Rel(string(c.s.folder), path)
	if err != nil {
		return "", err
	}
	to := filepath.Join(c.s.folder.quarantine(), name)
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return "", full(err)
	}
	for n := 2; ; n++ { // one of that name may be there: its number came again from an older backup
		err := unix.Renameat2(unix.AT_FDCWD, path, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("move %s: %w", name, err)
		}
		to = filepath.Join(c.s.folder.quarantine(), fmt.Sprintf("%s.%d", name, n))
	}
	for dir := filepath.Dir(to); ; dir = filepath.Dir(dir) {
		if err := syncFolder(dir); err != nil {
			return "", err
		}
		if dir == string(c.s.folder) || dir == "." || dir == "/" {
			break
		}
	}
	moved, err := filepath.Rel(string(c.s.folder), to)
	return "moved to " + moved, errors.Join(err, syncFolder(filepath.Dir(path)))
}
