package store

import (
	"context"
	"fmt"

	"sluice/internal/db"
)

// BackupVerify compares a backup with itself: its database with the manifest, rows with rows, and every content, read again,
// with its hash. Nothing is changed, and the folder may be one nobody can write to.
func BackupVerify(ctx context.Context, from string, tell func(Finding), progress *Progress) (*Manifest, *FsckReport, error) {
	f := folder(from)
	m, err := readManifest(f)
	if err != nil {
		return nil, nil, err
	}
	report := new(FsckReport)
	c := &checker{config: FsckConfig{Data: from, Bytes: true, Tell: tell, Progress: progress}, ctx: ctx, report: report, backup: true}
	path := f.in(m.Database)
	progress.Doing("database", 0)
	switch sum, err := hashFile(path); {
	case err != nil:
		return m, report, fmt.Errorf("the backup's database: %w", err)
	case sum != m.Hash:
		c.find(findDatabase, "%s is not what the manifest says", m.Database)
	}
	have, want, err := db.VersionOf(path)
	if err != nil {
		c.find(findDatabase, "%v", err)
		return m, report, nil
	}
	if have != want {
		return m, report, fmt.Errorf("%w: the backup's database has version %d, this program checks %d; restore brings it up to date", ErrOutdated, have, want)
	}
	d, err := db.Open(path, db.Options{ReadOnly: true, Immutable: true, Readers: 1})
	if err != nil {
		c.find(findDatabase, "%v", err)
		return m, report, nil
	}
	defer d.Close()
	c.s = &Store{config: Config{Data: from, Log: func(string, string, error) {}}, folder: f, db: d}
	return m, report, c.steps([]fsckStep{{"rows", c.rows}, {"segments", c.segments}, {"objects", c.objects}})
}
