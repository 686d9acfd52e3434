package db

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
)

func schema(scripts ...string) Schema {
	files := fstest.MapFS{}
	for i, s := range scripts {
		files[[]string{"0001.sql", "0002.sql", "0003.sql"}[i]] = &fstest.MapFile{Data: []byte(s)}
	}
	return Schema{files, 77}
}

func TestMigrate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd name?&%41#.db")
	one := schema("CREATE TABLE a (x); -- with a comment; and more\nINSERT INTO a VALUES (1);")
	two := schema("CREATE TABLE a (x);", "CREATE TABLE b (y); INSERT INTO b SELECT x FROM a")
	if have, want, err := two.Version(path); have != 0 || want != 2 || err != nil {
		t.Fatal(have, want, err)
	}
	for _, s := range []Schema{one, one, two, two} {
		if err := s.Migrate(path); err != nil {
			t.Fatal(err)
		}
	}
	if have, _, err := two.Version(path); have != 2 || err != nil {
		t.Fatal(have, err)
	}
	d, err := Open(path, Options{AutoCheckpoint: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Write(func(tx *Tx) error {
		var n int
		if found, err := TableOf(tx).Row(`SELECT y FROM b`, nil, &n); !found || n != 1 {
			t.Error(found, n, err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	d.Close()
	if err := one.Migrate(path); !errors.Is(err, ErrNewer) {
		t.Errorf("a newer database is told as %v", err)
	}
	if _, _, err := one.Version(path); !errors.Is(err, ErrNewer) {
		t.Errorf("a newer database is told as %v", err)
	}
	if err := Migrate(path); !errors.Is(err, ErrDamaged) {
		t.Errorf("another program's database is told as %v", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
}

// A version that fails half-way leaves the one before.
func TestMigrateFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	if err := schema("CREATE TABLE a (x)", "CREATE TABLE b (y); SELECT nonsense").Migrate(path); err == nil {
		t.Fatal("no error")
	}
	two := schema("CREATE TABLE a (x)", "CREATE TABLE b (y)")
	if have, _, err := two.Version(path); have != 1 || err != nil {
		t.Fatal(have, err)
	}
	if err := two.Migrate(path); err != nil {
		t.Fatal(err)
	}
}

func TestMigrateDamaged(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.db")
	if err := Migrate(good); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		bytes []byte
	}{
		{"not a database", []byte("this is a text of more than a hundred bytes, so that SQLite does not take it for an empty file that it may begin anew")},
		{"cut", whole[:len(whole)/2]},
		{"zeros within", append(append(append([]byte{}, whole[:8192]...), make([]byte, 8192)...), whole[16384:]...)},
	} {
		path := filepath.Join(dir, "bad.db")
		if err := os.WriteFile(path, c.bytes, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Migrate(path); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := Open(filepath.Join(dir, "none.db"), Options{}); err == nil {
		t.Error("a missing database was opened")
	}
}

func TestServerSchema(t *testing.T) {
	d := openTest(t)
	have, want, err := SchemaVersion(d.path)
	if err != nil || have != want || have < 1 {
		t.Fatal(have, want, err)
	}
}
