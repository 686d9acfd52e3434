package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

// A backup is a folder like a data folder: a copy of the database as it was at one moment, and every content it names. It is
// made beside a running server, and made anew into the same folder it brings only what is new:
//
//	collector.lock, shared   nothing that is complete is removed or moved from now on
//	copy of the database     one snapshot
//	contents of it           own files and closed segments: link, shared extents or copy; open segments: the ranges named
//	sync of the file system
//	manifest                 by rename: the instant from which this is the backup
//	what it does not name    removed
//
// Stopped anywhere before the manifest, the folder is still the backup it was: files are only added to it, and ranges of
// segments are written where nothing of it lies.

// BackupConfig says what a backup does.
type BackupConfig struct {
	Data string
	To   string // the backup's folder
	Copy bool   // no links: the backup shares no bytes with the data folder unless the file system shares extents
	// DryRun only counts.
	DryRun bool

	Tell     func(Finding) // what cannot be in it; nil: nobody listens
	Progress *Progress
}

// BackupReport is what a backup has done.
type BackupReport struct {
	Manifest       // what is there now
	Fresh    int64 `json:"fresh"`   // contents that were not there before, and their bytes
	New      int64 `json:"new"`     // bytes
	Linked   int64 `json:"linked"`  // files
	Shared   int64 `json:"shared"`  // files that share extents
	Copied   int64 `json:"copied"`  // bytes
	Removed  int64 `json:"removed"` // files that the backup does not need any more
}

type backup struct {
	ctx    context.Context
	config BackupConfig
	from   folder
	to     folder
	next   *db.DB // what the backup will hold
	last   *db.DB // what it held; nil: nothing
	link   bool
	report BackupReport
}

// Backup makes or renews a backup.
func Backup(ctx context.Context, config BackupConfig) (BackupReport, error) {
	b := &backup{ctx: ctx, config: config, from: folder(config.Data), to: folder(config.To), link: !config.Copy}
	if err := b.apart(); err != nil {
		return b.report, err
	}
	if _, err := os.Stat(b.from.database()); err != nil {
		return b.report, fmt.Errorf("there is no database: %w", err)
	}
	before, err := readManifest(b.to)
	if errors.Is(err, ErrNoBackup) {
		before, err = &Manifest{}, b.mine()
	}
	if err != nil {
		return b.report, err
	}
	locks := []struct {
		path string
		how  int
		wait time.Duration
	}{{b.from.schemaLock(), shared, commandWait}, {b.from.collectorLock(), shared, collectorWait}}
	if !config.DryRun {
		if err := b.make(); err != nil {
			return b.report, err
		}
		locks = append(locks, struct {
			path string
			how  int
			wait time.Duration
		}{b.to.backupLock(), exclusive, 0})
	}
	for _, l := range locks {
		held, err := lockFile(l.path, l.how, l.wait)
		if err != nil {
			return b.report, err
		}
		defer held.unlock()
	}
	s, err := newStore(Config{Data: config.Data, Slot: noSlot})
	if err != nil {
		return b.report, err
	}
	defer s.Close()
	if before.Server != "" && before.Server != s.server {
		return b.report, fmt.Errorf("%w: %s holds the backup of another server; name another folder", ErrPlace, b.to)
	}
	if before.Database != "" {
		if b.last, err = db.Open(b.to.in(before.Database), db.Options{ReadOnly: true, Immutable: true, Readers: 1}); err != nil {
			return b.report, fmt.Errorf("the backup that is there: %w", err)
		}
		defer b.last.Close()
	}
	b.report.Manifest = Manifest{Format: manifestFormat, Server: s.server, Made: time.Now().UTC()}
	if config.DryRun {
		b.next = s.db
		err = b.contents()
	} else {
		err = b.run(s)
	}
	return b.report, err
}

func (b *backup) run(s *Store) (err error) {
	m := &b.report.Manifest
	m.Database = fmt.Sprintf("database-%016x", m.Made.UnixNano())
	b.config.Progress.Doing("database", 0)
	path := b.to.in(m.Database)
	if err := s.db.Backup(path); err != nil {
		return full(err)
	}
	defer func() {
		if err != nil {
			os.Remove(path) // the manifest does not name it
		}
	}()
	if m.Schema, _, err = db.SchemaVersion(s.folder.database()); err != nil {
		return err
	}
	if m.Hash, err = hashFile(path); err != nil {
		return err
	}
	if b.next, err = db.Open(path, db.Options{ReadOnly: true, Immutable: true, Readers: 1}); err != nil {
		return err
	}
	defer b.next.Close()
	if err := b.contents(); err != nil {
		return err
	}
	b.config.Progress.Doing("sync", 0)
	if err := syncAll(string(b.to)); err != nil {
		return err
	}
	if err := m.write(b.to); err != nil {
		return err
	}
	b.config.Progress.Doing("remove what is not needed any more", 0)
	if err := b.clean(); err != nil { // the backup is good all the same
		return fmt.Errorf("the backup is made, but what it does not need stays: %w", err)
	}
	return nil
}

// apart refuses a backup within the data folder, and the other way round.
func (b *backup) apart() error {
	var real [2]string
	for i, f := range []folder{b.from, b.to} {
		path, err := filepath.Abs(string(f))
		if err != nil {
			return err
		}
		if resolved, err := filepath.EvalSymlinks(path); err == nil {
			path = resolved
		}
		real[i] = path + "/"
	}
	if strings.HasPrefix(real[0], real[1]) || strings.HasPrefix(real[1], real[0]) {
		return fmt.Errorf("%w: %s and %s lie in each other; name another folder", ErrPlace, b.from, b.to)
	}
	return nil
}

// mine refuses a folder that holds other things than a backup that was never finished.
func (b *backup) mine() error {
	entries, err := os.ReadDir(string(b.to))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		known := []string{"objects", "segments", "backup.lock", "manifest.json.next", "lost+found"}
		if !slices.Contains(known, e.Name()) && !strings.HasPrefix(e.Name(), "database-") {
			return fmt.Errorf("%w: %s is not a backup and not empty (it holds %q); name another or an empty folder", ErrPlace, b.to, e.Name())
		}
	}
	return err
}

func (b *backup) make() error {
	for _, dir := range []string{string(b.to), b.to.objects(), b.to.segments()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return full(err)
		}
	}
	return syncFolder(filepath.Dir(filepath.Clean(string(b.to))))
}

// syncAll makes everything on a file system durable: many files at once are synced sooner so than one by one.
func syncAll(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	if err := again(func() error { return unix.Syncfs(fd) }); err != nil {
		return full(fmt.Errorf("sync the file system of %s: %w", path, err))
	}
	return nil
}

// clean removes what the backup does not name.
func (b *backup) clean() error {
	groups, err := os.ReadDir(b.to.objects())
	if err != nil {
		return err
	}
	remove := func(dir string, named func(name string) bool) error {
		entries, err := os.ReadDir(dir)
		for i := 0; i < len(entries) && err == nil; i++ {
			if !named(entries[i].Name()) {
				b.report.Removed++
				err = os.Remove(filepath.Join(dir, entries[i].Name()))
			}
		}
		return err
	}
	for _, g := range groups {
		var first int64
		if n, err := fmt.Sscanf(g.Name(), "%08x", &first); n != 1 || err != nil {
			continue
		}
		first <<= folderBits
		names := make(map[string]bool)
		err := b.next.Read(func(tx *db.Tx) error {
			all, err := tx.OwnFiles(first, first+1<<folderBits)
			for _, e := range all {
				names[filepath.Base(b.to.object(e.ID))] = e.Complete && !e.Damaged
			}
			return err
		})
		if err == nil {
			err = remove(b.to.objectFolder(first), func(name string) bool { return names[name] })
		}
		if err != nil {
			return err
		}
		os.Remove(b.to.objectFolder(first)) // if it is empty
	}
	var segments []int64
	err = b.next.Read(func(tx *db.Tx) (err error) {
		segments, err = tx.LivingSegments()
		return err
	})
	if err != nil {
		return err
	}
	names := make(map[string]bool)
	for _, n := range segments {
		names[filepath.Base(b.to.segment(n))] = true
	}
	if err := remove(b.to.segments(), func(name string) bool { return names[name] }); err != nil {
		return err
	}
	return remove(string(b.to), func(name string) bool {
		return !strings.HasPrefix(name, "database-") || name == b.report.Database
	})
}
