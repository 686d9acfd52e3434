package torture

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"sluice/internal/db"
)

// TestCheckFindsDamage: a check that finds nothing is worth something only if it finds each kind of damage.
func TestCheckFindsDamage(t *testing.T) {
	t.Parallel()
	r := begin(t)
	s := r.newServer(r.path("data"), 1)
	s.start()
	f := s.newFleet(2, everyday)
	for range 50 { // until the actors have drawn a content that is a file of its own
		f.begin()
		time.Sleep(300 * time.Millisecond)
		f.rest()
		if objects, _ := filepath.Glob(r.path("data/objects/*/*")); len(objects) > 0 {
			break
		}
	}
	f.verify(true)
	s.stop()
	s.checkAll("before")
	file := func(pattern string) func(data string, change func(path string) error) error {
		return func(data string, change func(path string) error) error {
			all, err := filepath.Glob(filepath.Join(data, pattern))
			if err != nil || len(all) == 0 {
				r.Fatalf("no %s: %v", pattern, err)
			}
			return change(all[0])
		}
	}
	object, segment := file("objects/*/*"), file("segments/*")
	flip := func(path string) error {
		b, err := os.ReadFile(path)
		b[0] ^= 1
		if err == nil {
			err = os.WriteFile(path, b, 0o600)
		}
		return err
	}
	stray := func(path string) error { return os.WriteFile(path[:len(path)-1]+"z", nil, 0o600) }
	for _, test := range []struct {
		name string
		file func(data string) error
		sql  string
	}{
		{name: "a flipped bit in an object", file: func(d string) error { return object(d, flip) }},
		{name: "a flipped bit in a segment", file: func(d string) error { return segment(d, flip) }},
		{name: "an object cut short", file: func(d string) error { return object(d, func(p string) error { return os.Truncate(p, 1000) }) }},
		{name: "an object that is gone", file: func(d string) error { return object(d, os.Remove) }},
		{name: "a segment that is gone", file: func(d string) error { return segment(d, os.Remove) }},
		{name: "an object nobody names", file: func(d string) error { return object(d, stray) }},
		{name: "a segment nobody names", file: func(d string) error { return segment(d, stray) }},
		{name: "a stranger", file: func(d string) error { return os.WriteFile(filepath.Join(d, "notes.txt"), nil, 0o600) }},
		{name: "references", sql: `UPDATE content SET refs = refs + 1 WHERE id = (SELECT max(id) FROM content)`},
		{name: "doomed with references", sql: `UPDATE content SET doomed = 1 WHERE id = (SELECT id FROM content WHERE refs > 0 LIMIT 1)`},
		{name: "a charge without a hold", sql: `UPDATE account SET held = held + 1`},
		{name: "use that nobody counts", sql: `UPDATE namespace SET used = used + 1`},
		{name: "a journal behind its nodes", sql: `UPDATE namespace SET journal = journal - 1`},
		{name: "a number given twice", sql: `UPDATE node SET version = (SELECT max(version) FROM node) WHERE parent IS NOT NULL`},
		{name: "a life that was not ended", sql: `INSERT INTO life (pid, slot, began) VALUES (1, 0, 0)`},
		{name: "an orphaned node", sql: `UPDATE node SET parent = 999999 WHERE kind = 1 AND id = (SELECT max(id) FROM node WHERE kind = 1)`},
		{name: "a size that is not the content's", sql: `UPDATE node SET size = size + 1 WHERE id = (SELECT max(id) FROM node WHERE kind = 1)`},
		{name: "two contents on the same bytes", sql: `UPDATE content SET offset = offset + 1 WHERE segment IS NOT NULL`},
		{name: "an incomplete content with a name", sql: `UPDATE content SET complete = 0 WHERE id = (SELECT content FROM node WHERE size > 200000 LIMIT 1)
			OR id = (SELECT content FROM node WHERE content IS NOT NULL LIMIT 1)`},
		{name: "a past version that has not ended", sql: `UPDATE past SET until = version`},
	} {
		data := r.path("damaged")
		r.must(os.RemoveAll(data))
		if out, err := exec.Command("cp", "-a", s.data, data).CombinedOutput(); err != nil {
			r.Fatalf("%v: %s", err, out)
		}
		if test.file != nil {
			r.must(test.file(data))
		} else {
			d, err := db.Open(filepath.Join(data, "sluice.db"), db.Options{})
			r.must(err)
			r.must(d.Write(func(tx *db.Tx) error { return db.TableOf(tx).Run(test.sql) }))
			r.must(d.Close())
		}
		if c := r.check(data); len(c.problems) == 0 {
			r.Errorf("%s is not found: %v", test.name, c)
		} else {
			r.Logf("%s: %s", test.name, c.problems[0])
		}
	}
}
