package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/hash"
)

// Manifest says what a backup folder holds. It is written last and replaced by rename: the backup is what it says, whatever
// else lies there.
type Manifest struct {
	Format   int       `json:"format"`
	Server   string    `json:"server"`   // the data folder's id
	Made     time.Time `json:"made"`     // when the database was copied
	Schema   int       `json:"schema"`   // the database's version
	Database string    `json:"database"` // its file
	Hash     string    `json:"hash"`     // BLAKE3 of it
	Contents int64     `json:"contents"` // that are in it, and their bytes
	Bytes    int64     `json:"bytes"`
	Missing  int64     `json:"missing"` // that are not, being damaged or lost
}

// manifestFormat is the layout of a backup folder: objects/ and segments/ as in a data folder, and a database.
const manifestFormat = 1

// ErrNoBackup says that a folder holds no backup.
var ErrNoBackup = errors.New("no backup is there")

func (f folder) manifest() string   { return f.in("manifest.json") }
func (f folder) backupLock() string { return f.in("backup.lock") }

// readManifest reads and checks what a backup folder says of itself.
func readManifest(f folder) (*Manifest, error) {
	raw, err := os.ReadFile(f.manifest())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNoBackup, f)
	}
	if err != nil {
		return nil, err
	}
	var m Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, f.manifest(), err)
	}
	if m.Format > manifestFormat {
		return nil, fmt.Errorf("%w: the backup has format %d, this program knows %d", ErrNewer, m.Format, manifestFormat)
	}
	if m.Format < 1 || m.Database == "" || m.Database != filepath.Base(m.Database) {
		return nil, fmt.Errorf("%w: %s says nothing of use", ErrDamaged, f.manifest())
	}
	return &m, nil
}

// write replaces the manifest, durably.
func (m *Manifest) write(f folder) error {
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	next := f.manifest() + ".next"
	fd, err := unix.Open(next, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return full(fmt.Errorf("make %s: %w", next, err))
	}
	defer unix.Close(fd)
	if err := writeAt(fd, append(raw, '\n'), 0); err != nil {
		return err
	}
	if err := again(func() error { return unix.Fsync(fd) }); err != nil {
		return full(fmt.Errorf("sync %s: %w", next, err))
	}
	if err := os.Rename(next, f.manifest()); err != nil {
		return err
	}
	return syncFolder(string(f))
}

// hashFile gives the BLAKE3 of a file.
func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum, _, err := hash.SumReader(f)
	return fmt.Sprintf("%x", sum), err
}
