package db

import (
	"os"
	"path/filepath"
	"testing"
)

// openTest makes a database and opens it.
func openTest(t testing.TB) *DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	if err := Migrate(path); err != nil {
		t.Fatal(err)
	}
	return reopen(t, path)
}

// reopen opens the database at path behind its gate.
func reopen(t testing.TB, path string) *DB {
	t.Helper()
	d, err := Open(path, Options{Gate: path + ".gate"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// notes gives the database a table for tests of the core, which knows no noun.
func notes(t testing.TB, d *DB) {
	t.Helper()
	if err := d.Write(func(tx *Tx) error {
		return tx.run(`CREATE TABLE note (id INTEGER PRIMARY KEY, text BLOB NOT NULL UNIQUE) STRICT`)
	}); err != nil {
		t.Fatal(err)
	}
}

// note adds a row.
func note(text string) func(tx *Tx) error {
	return func(tx *Tx) error { return tx.run(`INSERT INTO note (text) VALUES (?)`, []byte(text)) }
}

// count counts the rows of note whose text is like pattern.
func count(t testing.TB, d *DB, pattern string) (n int) {
	t.Helper()
	if err := d.Read(func(tx *Tx) error {
		_, err := tx.row(`SELECT count(*) FROM note WHERE text LIKE ?`, []any{pattern}, &n)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// descriptors counts this process's open descriptors.
func descriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
