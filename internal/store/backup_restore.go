package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

// BackupRestoreConfig says what a restore does.
type BackupRestoreConfig struct {
	From string // a backup
	Data string // an empty folder, or none
	// DryRun only checks that the backup can be read and the folder is empty.
	DryRun bool

	Tell     func(Finding) // what the backup lacks; nil: nobody listens
	Progress *Progress
}

// BackupRestoreReport is what a restore has done.
type BackupRestoreReport struct {
	Manifest
	Copied  int64 `json:"copied"`  // bytes
	Shared  int64 `json:"shared"`  // files that share extents with the backup
	Damaged int64 `json:"damaged"` // contents that are not what their hashes say, or not there: marked so
}

// BackupRestore makes a data folder of a backup. Files come first, each of them read again and compared; then the database, in which
// all namespaces get new epochs, so that clients see that the server went back in time, and what was under way is no more.
// The database gets its name last: until then the folder is none that a server would start on, and the restore can be begun
// anew.
func BackupRestore(ctx context.Context, config BackupRestoreConfig) (BackupRestoreReport, error) {
	from, to := folder(config.From), folder(config.Data)
	var report BackupRestoreReport
	m, err := readManifest(from)
	if err != nil {
		return report, err
	}
	report.Manifest = *m
	if err := to.empty(); err != nil || config.DryRun {
		return report, err
	}
	if err := os.MkdirAll(config.Data, 0o700); err != nil {
		return report, full(err)
	}
	locked, err := lockFile(to.schemaLock(), exclusive, 0)
	if err != nil {
		return report, err
	}
	defer locked.unlock()
	for _, dir := range []string{to.objects(), to.segments()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return report, full(err)
		}
	}
	path := to.restoring()
	if err := restoreDatabase(from.in(m.Database), path, m.Hash); err != nil {
		return report, err
	}
	config.Progress.Doing("files", m.Bytes)
	for _, part := range []struct{ from, to string }{{from.objects(), to.objects()}, {from.segments(), to.segments()}} {
		if err := copyFolder(ctx, part.from, part.to, &report, config.Progress); err != nil {
			return report, err
		}
	}
	s := &Store{config: Config{Data: config.Data, Log: func(string, string, error) {}}, folder: to}
	if s.db, err = db.Open(path, db.Options{}); err != nil {
		return report, err
	}
	err = s.afterRestore(ctx, config, &report)
	if e := s.db.Close(); err == nil { // its log is moved into it
		err = e
	}
	if err != nil {
		return report, err
	}
	if there(path + "-wal") {
		return report, fmt.Errorf("BUG: the log of %s was not moved into it", path)
	}
	config.Progress.Doing("sync", 0)
	if err := syncAll(config.Data); err != nil {
		return report, err
	}
	if err := os.Rename(path, to.database()); err != nil {
		return report, err
	}
	return report, errors.Join(syncFolder(config.Data), syncFolder(filepath.Dir(filepath.Clean(config.Data))))
}

func (f folder) restoring() string { return f.in("restoring.db") }

// empty refuses a folder that is in use; what a restore that was stopped has left is none of that.
func (f folder) empty() error {
	entries, err := os.ReadDir(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	stopped := false
	for _, e := range entries {
		stopped = stopped || e.Name() == filepath.Base(f.restoring())
	}
	for _, e := range entries {
		switch e.Name() {
		case "lost+found", "server.lock", "schema.lock":
		case "objects", "segments", filepath.Base(f.restoring()), filepath.Base(f.restoring()) + "-wal", filepath.Base(f.restoring()) + "-shm":
			if !stopped {
				return fmt.Errorf("%w: %s is not empty (it holds %q); restore into an empty folder", ErrPlace, f, e.Name())
			}
		default:
			return fmt.Errorf("%w: %s is not empty (it holds %q); restore into an empty folder", ErrPlace, f, e.Name())
		}
	}
	return nil
}

// restoreDatabase copies the database and brings it up to date.
func restoreDatabase(from, to, want string) error {
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := unix.Unlink(to + end); err != nil && err != unix.ENOENT {
			return fmt.Errorf("remove %s: %w", to+end, err)
		}
	}
	in, err := unix.Open(from, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", from, err)
	}
	defer unix.Close(in)
	length, err := lengthOf(from)
	if err != nil {
		return err
	}
	if _, err := cloneTo(to, in, length); err != nil {
		return err
	}
	sum, err := hashFile(to)
	if err != nil {
		return err
	}
	if sum != want {
		return fmt.Errorf("%w: the backup's database is not what its manifest says; nothing was restored", ErrDamaged)
	}
	return db.Migrate(to)
}

// copyFolder copies the files of a folder, and those below it. What is there already, as an earlier restore was stopped, is
// copied again.
func copyFolder(ctx context.Context, from, to string, report *BackupRestoreReport, progress *Progress) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		a, b := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if e.IsDir() {
			if err := os.MkdirAll(b, 0o700); err != nil {
				return full(err)
			}
			if err := copyFolder(ctx, a, b, report, progress); err != nil {
				return err
			}
			continue
		}
		if err := copyFile(a, b, report, progress); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string, report *BackupRestoreReport, progress *Progress) error {
	if err := unix.Unlink(to); err != nil && err != unix.ENOENT {
		return fmt.Errorf("remove %s: %w", to, err)
	}
	fd, err := unix.Open(from, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", from, err)
	}
	defer unix.Close(fd)
	length, err := lengthOf(from)
	if err != nil {
		return err
	}
	shared, err := cloneTo(to, fd, length)
	if err != nil {
		return err
	}
	if shared {
		report.Shared++
	} else {
		report.Copied += length
	}
	progress.Add(1, length)
	return nil
}

// afterRestore reads every content again, marks what is not right, and lets the tree begin anew.
func (s *Store) afterRestore(ctx context.Context, config BackupRestoreConfig, report *BackupRestoreReport) error {
	config.Progress.Doing("compare", report.Bytes)
	for from := int64(0); ; {
		var all []db.Extent
		err := s.read(func(tx *db.Tx) (err error) {
			all, err = tx.ToScrub(from, 0, 0, scrubBatch)
			return err
		})
		if err != nil {
			return err
		}
		if len(all) == 0 {
			break
		}
		var bad []int64
		for _, e := range all {
			if err := ctx.Err(); err != nil {
				return err
			}
			good, err := s.readsAs(e)
			if err != nil && !errors.Is(err, unix.ENOENT) {
				return err
			}
			config.Progress.Add(1, e.Size)
			if good {
				continue
			}
			report.Damaged++
			if config.Tell != nil {
				config.Tell(Finding{Kind: findMarked, Text: fmt.Sprintf("content %x, %d bytes, hash %x, is not whole in the backup", e.ID, e.Size, e.Hash)})
			}
			bad = append(bad, e.ID)
		}
		from = all[len(all)-1].ID + 1
		if len(bad) == 0 {
			continue
		}
		err = s.db.Write(func(tx *db.Tx) error {
			for _, id := range bad {
				if _, err := tx.MarkDamaged(id, now()); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return full(err)
		}
	}
	return full(s.db.Write(func(tx *db.Tx) error { return tx.BeginAnew(newEpoch, now()) }))
}
