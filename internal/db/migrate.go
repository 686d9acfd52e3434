package db

import (
	"embed"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mattn/go-sqlite3"
)

//go:embed schema/*.sql
var serverFiles embed.FS

// Schema is a numbered list of migrations: 0001.sql makes version 1 of an empty database, 0002.sql leads to version 2.
type Schema struct {
	Files fs.FS  // NNNN.sql, without gaps
	ID    uint32 // SQLite's application_id: tells this program's databases from all others
}

// serverID is "Slui".
const serverID = 0x536c7569

// Server is the schema of the server's database.
func Server() Schema {
	files, err := fs.Sub(serverFiles, "schema")
	if err != nil {
		panic("BUG: " + err.Error()) // the folder is embedded above
	}
	return Schema{files, serverID}
}

// Migrate makes or brings up to date the server's database at path. Nobody else may have it open.
func Migrate(path string) error { return Server().Migrate(path) }

// SchemaVersion gives the version of the server's database at path (0: none there) and the one this program needs.
func SchemaVersion(path string) (have, want int, err error) { return Server().Version(path) }

// Version gives the version of the database at path (0: none there) and the one this schema leads to.
func (s Schema) Version(path string) (have, want int, err error) {
	scripts, err := s.scripts()
	if err != nil {
		return 0, 0, err
	}
	if _, err := os.Stat(path); os.IsNotExist(err) {
		return 0, len(scripts), nil
	}
	return s.versionOf(path, "rw", len(scripts))
}

// versionOf is Version of a database that is opened in a mode of SQLite's.
func (s Schema) versionOf(path, mode string, want int) (have, known int, err error) {
	c, err := bare(path, mode)
	if err != nil {
		return 0, want, fmt.Errorf("look at %s: %w", path, err)
	}
	defer c.close()
	if err := c.keepLog(); err != nil { // it is only looked at
		return 0, want, fmt.Errorf("look at %s: %w", path, err)
	}
	have, err = s.version(c, want)
	if err != nil {
		err = fmt.Errorf("look at %s: %w", path, err)
	}
	return have, want, err
}

// VersionOf is SchemaVersion of a file that nobody writes to: a backup's.
func VersionOf(path string) (have, want int, err error) {
	scripts, err := Server().scripts()
	if err != nil {
		return 0, 0, err
	}
	return Server().versionOf(path, "ro&immutable=1", len(scripts))
}

// Migrate makes or brings up to date the database at path, each version in one transaction. Nobody else may have it
// open. A damaged database (ErrDamaged) and one from a newer program (ErrNewer) are left as they are.
func (s Schema) Migrate(path string) error {
	scripts, err := s.scripts()
	if err != nil {
		return err
	}
	c, err := bare(path, "rwc")
	if err != nil {
		return fmt.Errorf("migrate %s: %w", path, err)
	}
	defer c.close()
	if err := c.keepLog(); err != nil { // whoever opens it next decides
		return fmt.Errorf("migrate %s: %w", path, err)
	}
	if err := s.migrate(c, scripts); err != nil {
		return fmt.Errorf("migrate %s: %w", path, err)
	}
	return nil
}

func (s Schema) migrate(c *conn, scripts []string) error {
	have, err := s.version(c, len(scripts))
	if err != nil {
		return err
	}
	if have > 0 {
		if err := check(c); err != nil {
			return err
		}
	}
	// WAL: readers never wait for the writer; it is kept in the file. FULL: a new version is durable before it is used.
	for _, sql := range []string{"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"} {
		if err := c.script(sql); err != nil {
			return err
		}
	}
	for v := have + 1; v <= len(scripts); v++ {
		sql := fmt.Sprintf("BEGIN IMMEDIATE;\n%s\n;PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", scripts[v-1], s.ID, v)
		if err := c.script(sql); err != nil {
			return fmt.Errorf("to version %d: %w", v, err) // closing the connection undoes it
		}
	}
	return nil
}

// version reads the database's version and refuses what is not ours or newer.
func (s Schema) version(c *conn, want int) (int, error) {
	tx := &Tx{c}
	var id, have, objects int
	for _, q := range []struct {
		sql  string
		dest *int
	}{
		{"PRAGMA application_id", &id},
		{"PRAGMA user_version", &have},
		{"SELECT count(*) FROM sqlite_schema", &objects},
	} {
		if _, err := tx.row(q.sql, nil, q.dest); err != nil {
			return 0, err
		}
	}
	switch {
	case have == 0 && id == 0 && objects == 0:
		return 0, nil // new
	case uint32(id) != s.ID:
		return 0, fmt.Errorf("%w: it is not a database of this program", ErrDamaged)
	case have > want:
		return have, fmt.Errorf("%w: version %d, this one knows %d", ErrNewer, have, want)
	}
	return have, nil
}

// checkLimit is the greatest database that is read through at start: at about 1 GiB a second it delays nobody. Larger
// ones are left to a check on request.
const checkLimit = 256 << 20

// check looks for damage.
func check(c *conn) error {
	tx := &Tx{c}
	var pages, size int64
	if _, err := tx.row("PRAGMA page_count", nil, &pages); err != nil {
		return err
	}
	if _, err := tx.row("PRAGMA page_size", nil, &size); err != nil {
		return err
	}
	if pages*size > checkLimit {
		return nil
	}
	var result string
	if _, err := tx.row("PRAGMA quick_check(1)", nil, &result); err != nil {
		return err
	}
	if result != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, result)
	}
	return nil
}

// scripts reads the migrations in order.
func (s Schema) scripts() ([]string, error) {
	names, err := fs.Glob(s.Files, "*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var list []string
	for i, name := range names {
		if n, err := strconv.Atoi(strings.TrimSuffix(name, ".sql")); err != nil || n != i+1 {
			return nil, fmt.Errorf("BUG: migration %s stands where %04d.sql should", name, i+1)
		}
		b, err := fs.ReadFile(s.Files, name)
		if err != nil {
			return nil, err
		}
		list = append(list, string(b))
	}
	return list, nil
}

// bare opens a connection with nothing set, in SQLite's open mode "rw" or "rwc". The file is private to its owner.
func bare(path, mode string) (*conn, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if mode == "rwc" { // SQLite would create it with 0644; its -wal and -shm take over the mode
		// EXCL: to open and close a database that is in use would drop SQLite's locks.
		f, err := os.OpenFile(abs, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			err = f.Close()
		}
		if err != nil && !os.IsExist(err) {
			return nil, err
		}
	}
	dsn := url.URL{Scheme: "file", Path: abs, RawQuery: "mode=" + mode}
	dc, err := (&sqlite3.SQLiteDriver{}).Open(dsn.String())
	if err != nil {
		return nil, wrap(err)
	}
	return newConn(dc.(*sqlite3.SQLiteConn)), nil
}
