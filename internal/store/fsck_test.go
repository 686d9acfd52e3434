package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/db"
	"sluice/internal/hash"
)

// fullFolder makes a data folder with something of everything, nobody at work on it.
func fullFolder(t *testing.T) string {
	t.Helper()
	data := newFolder(t, 0)
	s, err := Open(Config{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	w := account(t, s, "ann")
	small, other, large := bytesOf(1, 5000), bytesOf(2, 6000), bytesOf(3, 300<<10)
	if failed, err := put(s, w, small, other, large); err != nil || failed != nil {
		t.Fatal(failed, err)
	}
	if err := uploadWhole(s, w, 9, bytesOf(4, 200<<10), 200<<10); err != nil {
		t.Fatal(err)
	}
	docs := mustApply(t, s, w, mkdirOf(w.Root, "docs"))[0].Node
	mustApply(t, s, w, fileOf(docs, "a", small), fileOf(docs, "b", large), fileOf(w.Root, "c", bytesOf(4, 200<<10)))
	mustApply(t, s, w, fileOf(w.Root, "c", small)) // replaced
	u := openUpload(t, s, w, 100<<10)
	if err := chunk(s, w, u, 0, bytesOf(5, 100<<10)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	audit(t, data, false)
	return data
}

// fileOf is a put of a content over whatever stands there.
func fileOf(parent int64, name string, content []byte) Change {
	return Change{Op: OpPut, Parent: Place{Node: parent}, Name: name, Kind: KindFile, Hash: hash.Sum(content), Size: int64(len(content)), Mode: 0o644,
		Expect: ExpectAny}
}

// script changes a folder's database as no program would.
func script(t *testing.T, data, sql string) {
	t.Helper()
	d, err := db.Open(folder(data).database(), db.Options{Gate: folder(data).gate()})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Write(func(tx *db.Tx) error { return db.TableOf(tx).Run(sql) }); err != nil {
		t.Fatal(err)
	}
}

// TestFsckFindsDamage: a check that finds nothing is worth something only if it finds each kind of damage. After a repair
// nothing is left where left is empty.
func TestFsckFindsDamage(t *testing.T) {
	whole := fullFolder(t)
	one := func(pattern string, change func(path string) error) func(string) error {
		return func(data string) error {
			all, err := filepath.Glob(filepath.Join(data, pattern))
			if err != nil || len(all) == 0 {
				return errors.New("no such file")
			}
			return change(all[len(all)-1]) // of objects the oldest: they count down
		}
	}
	flip := func(at int64) func(string) error {
		return func(path string) error {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			b := make([]byte, 1)
			if _, err := f.ReadAt(b, at); err != nil {
				return err
			}
			b[0] ^= 1
			_, err = f.WriteAt(b, at)
			return err
		}
	}
	upload := func(data string) string { all, _ := filepath.Glob(filepath.Join(data, "objects/*/*")); return all[0] }
	stray := func(path string) error { return os.WriteFile(path[:len(path)-2]+"42", []byte("x"), 0o600) }
	short := func(path string) error { return os.Truncate(path, 1000) }
	for _, test := range []struct {
		name string
		file func(data string) error
		sql  string
		kind string
		left string // the kind of finding that stays after a repair
	}{
		{"object flipped", one("objects/*/*", flip(500)), "", findBytes, findMarked},
		{"segment flipped", one("segments/*", flip(500)), "", findBytes, findMarked},
		{"chunk flipped", func(d string) error { return flip(500)(upload(d)) }, "", findBytes, ""},
		{"upload short", func(d string) error { return short(upload(d)) }, "", findShort, findEnded},
		{"upload gone", func(d string) error { return os.Remove(upload(d)) }, "", findMissing, findEnded},
		{"object short", one("objects/*/*", short), "", findShort, findShort},
		{"segment short", one("segments/*", short), "", findShort, findShort},
		{"object gone", one("objects/*/*", os.Remove), "", findMissing, findMissing},
		{"segment gone", one("segments/*", os.Remove), "", findMissing, findMissing},
		{"object unnamed", one("objects/*/*", stray), "", findNoRow, ""},
		{"segment unnamed", one("segments/*", stray), "", findNoRow, ""},
		{"stranger", func(d string) error { return os.WriteFile(filepath.Join(d, "notes.txt"), nil, 0o600) }, "", findStranger, findStranger},
		{"stranger among objects", func(d string) error { return os.WriteFile(filepath.Join(d, "objects", "x"), nil, 0o600) }, "", findStranger, findStranger},
		{"references", nil, `UPDATE content SET refs = refs + 1 WHERE id = (SELECT max(id) FROM content)`, "references", ""},
		{"doomed with references", nil, `UPDATE content SET doomed = 1 WHERE refs > 0`, "references", ""},
		{"not doomed without", nil, `UPDATE content SET refs = 0 WHERE complete`, "references", ""},
		{"charge", nil, `UPDATE account SET held = held + 1`, "charge", ""},
		{"use", nil, `UPDATE namespace SET used = used - 1`, "use", ""},
		{"journal", nil, `UPDATE namespace SET journal = journal - 1`, "journal", ""},
		{"number given twice", nil, `UPDATE node SET version = (SELECT max(version) FROM node) WHERE parent IS NOT NULL`, "version", "version"},
		{"life", nil, `INSERT INTO life (pid, slot, began) VALUES (1, 0, 0)`, findLife, findLife},
		{"orphan", nil, `UPDATE node SET parent = 999999 WHERE name = CAST('a' AS BLOB)`, "orphan-name", ""},
		{"size of a name", nil, `UPDATE node SET size = size + 1 WHERE name = CAST('a' AS BLOB)`, "name", "name"},
		{"overlap", nil, `UPDATE content SET offset = offset - 1 WHERE segment IS NOT NULL AND offset > 0`, findOverlap, findOverlap},
		{"incomplete with a name", nil, `UPDATE content SET complete = 0 WHERE id = (SELECT content FROM node WHERE size = 307200)`, "name", "name"},
		{"version that has not ended", nil, `UPDATE past SET until = version`, "version", "version"},
		{"chunk of nothing", nil, `INSERT INTO chunk VALUES (12345, 0, 1, x'00')`, "chunk", ""},
		{"chunk beyond the size", nil, `UPDATE content SET size = 5000 WHERE NOT complete`, "chunk", "chunk"},
		{"key", nil, `UPDATE node SET content = NULL, kind = 1 WHERE name = CAST('a' AS BLOB)`, "name", "name"},
		{"missing content", nil, `UPDATE hold SET content = 77`, "key", "key"},
		{"missing account", nil, `UPDATE upload SET account = 77`, "upload", "upload"},
		{"stands though deleted", nil, `UPDATE past SET deleted = 1`, "name", "name"},
		{"moment beyond the journal", nil, `INSERT INTO moment VALUES (1, 5000, 1, NULL)`, "moment", "moment"},
		{"moments out of order", nil, `UPDATE moment SET at = -journal`, "moment", "moment"},
		{"number never given", nil, `UPDATE content SET id = 999 << 16 WHERE size = 6000`, "content", "content"},
		{"root", nil, `UPDATE namespace SET root = 4711`, "root", "root"},
		{"segment of another life", nil, `UPDATE segment SET life = 99`, "segment", "segment"},
		{"dead bytes of nothing", nil, `UPDATE segment SET dead = 1 << 30`, "segment", "segment"},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(data, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			if test.file != nil {
				if err := test.file(data); err != nil {
					t.Fatal(err)
				}
			} else {
				script(t, data, test.sql)
			}
			check := func(repair bool) map[string]bool {
				report, err := Fsck(context.Background(), FsckConfig{Data: data, Bytes: true, Strict: true, Repair: repair})
				if err != nil {
					t.Fatal(err)
				}
				found := make(map[string]bool)
				for _, f := range report.Findings {
					found[f.Kind] = true
					t.Log(f)
				}
				return found
			}
			if found := check(false); test.kind != "" && !found[test.kind] || test.kind == "" && len(found) > 0 {
				t.Errorf("%q is not found, but %v", test.kind, found)
			}
			check(true)
			if found := check(false); test.left == "" && len(found) > 0 || test.left != "" && !found[test.left] {
				t.Errorf("%q should be left, there is %v", test.left, found)
			}
		})
	}
}

// What a check would move or count anew is left alone while a server is making it, and nothing that is right is touched by a
// repair.
func TestFsckBesideAServer(t *testing.T) {
	data := fullFolder(t)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	in, err := s.ObjectsBegin(w, [][32]byte{hash.Sum(bytesOf(7, 200<<10)), hash.Sum(bytesOf(8, 90<<10))}, []int64{200 << 10, 90 << 10})
	if err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		report, err := Fsck(context.Background(), FsckConfig{Data: data, Bytes: true, Repair: true})
		if err != nil || len(report.Findings) > 0 {
			t.Error(err, report)
		}
	}
	check()
	if err := fill(in.Pieces(), append(bytesOf(7, 200<<10), bytesOf(8, 90<<10)...)); err != nil {
		t.Fatal(err)
	}
	check()
	if failed, err := in.Finish(nil); err != nil || failed != nil {
		t.Fatal(failed, err)
	}
	check()
	wantContents(t, s, w, bytesOf(7, 200<<10), bytesOf(8, 90<<10), bytesOf(1, 5000))
}

// What a repair moves is kept under its name, and another of the same name beside it.
func TestQuarantineKeepsAll(t *testing.T) {
	data := newFolder(t, 0)
	for _, text := range []string{"first", "second"} {
		stray := folder(data).segment(4711)
		if err := os.WriteFile(stray, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		report, err := Fsck(context.Background(), FsckConfig{Data: data, Repair: true})
		if err != nil || len(report.Findings) != 1 || !strings.HasPrefix(report.Findings[0].Repaired, "moved to quarantine/segments/") {
			t.Fatal(err, report)
		}
		if len(report.Damage()) > 0 {
			t.Error("what was repaired is still damage")
		}
	}
	all, err := filepath.Glob(filepath.Join(data, "quarantine/segments/*"))
	if err != nil || len(all) != 2 {
		t.Error(all, err)
	}
	audit(t, data, false)
}

// A database that is none is told, not an error of the check.
func TestFsckOfADamagedDatabase(t *testing.T) {
	data := newFolder(t, 0)
	if err := os.WriteFile(folder(data).database(), []byte(strings.Repeat("no database", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := Fsck(context.Background(), FsckConfig{Data: data})
	if err != nil || len(report.Damage()) != 1 || report.Findings[0].Kind != findDatabase {
		t.Error(err, report)
	}
}
