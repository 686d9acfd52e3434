package torture

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sluice/internal/db"
	"sluice/internal/hash"
)

// checked is what a check of a data folder has looked at, and what it found.
type checked struct {
	contents, chunks, nodes, past, holds, uploads, files int
	bytes                                                int64 // re-hashed
	problems                                             []string
}

func (c *checked) String() string {
	return fmt.Sprintf("%d contents (%d bytes hashed), %d chunks, %d names, %d versions, %d holds, %d uploads, %d files: %d problems",
		c.contents, c.bytes, c.chunks, c.nodes, c.past, c.holds, c.uploads, c.files, len(c.problems))
}

// check compares a data folder with itself: database, rows, counts and charges, files, bytes. Nothing may be at work on it,
// and a start-up must have ended well, so that nothing is excused: store/DESIGN.md says what may be there.
func (r *round) check(data string) *checked {
	r.Helper()
	c := &checker{data: data, named: make(map[string]bool)}
	d, err := db.Open(c.in("sluice.db"), db.Options{ReadOnly: true, Readers: 1})
	if err != nil {
		c.bad("open the database: %v", err)
		return &c.checked
	}
	defer d.Close()
	r.must(d.Read(func(tx *db.Tx) error { return c.run(db.TableOf(tx)) }))
	return &c.checked
}

// checkAll is check, in the middle of a round; problems end it.
func (s *server) checkAll(when string) *checked {
	s.Helper()
	c := s.round.check(s.data)
	s.problems(when, c.problems)
	return c
}

type checker struct {
	checked
	data   string
	named  map[string]bool // files that rows name
	ranges []taken         // of segments
}

// taken is a range of a segment that a content has.
type taken struct{ segment, from, to, content int64 }

func (c *checker) bad(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

func (c *checker) in(names ...string) string {
	return filepath.Join(append([]string{c.data}, names...)...)
}

func (c *checker) object(n int64) string {
	return c.in("objects", fmt.Sprintf("%08x", n>>10), fmt.Sprintf("%016x", n))
}

func (c *checker) segment(n int64) string { return c.in("segments", fmt.Sprintf("%016x", n)) }

func (c *checker) run(t db.Table) error {
	for _, step := range []func(db.Table) error{c.database, c.segments, c.contentRows, c.uploadRows, c.counts, c.names, c.lives} {
		if err := step(t); err != nil {
			return err
		}
	}
	c.overlaps()
	c.orphans()
	return nil
}

// nothing runs a query that must give no rows; each row's text is a problem.
func (c *checker) nothing(t db.Table, what, query string) error {
	return t.Rows(query, nil, func(r *db.Row) error {
		var text string
		err := r.Scan(&text)
		c.bad("%s: %s", what, text)
		return err
	})
}

// database asks SQLite itself.
func (c *checker) database(t db.Table) error {
	var result string
	if _, err := t.Row("PRAGMA integrity_check(5)", nil, &result); err != nil {
		return err
	}
	if result != "ok" {
		c.bad("integrity_check: %s", result)
	}
	// The rows of foreign_key_check have four columns; the table-valued form lets one be chosen.
	return c.nothing(t, "foreign key", `SELECT "table" || ' row ' || ifnull(rowid, '?') || ' names a missing ' || parent FROM pragma_foreign_key_check`)
}

func (c *checker) segments(t db.Table) error {
	return t.Rows(`SELECT s.id, s.life, ifnull(b.life, 0) FROM segment AS s LEFT JOIN block AS b ON b.id = s.id >> 16`, nil, func(r *db.Row) error {
		var id, life, owner int64
		if err := r.Scan(&id, &life, &owner); err != nil {
			return err
		}
		if life != owner {
			c.bad("segment %x is life %d's, but its number life %d's", id, life, owner)
		}
		path := c.segment(id)
		c.named[path] = true
		if _, err := os.Stat(path); err != nil {
			c.bad("segment %x: %v", id, err)
		}
		return nil
	})
}

// contentRows reads every content again and compares it with its hash.
func (c *checker) contentRows(t db.Table) error {
	return t.Rows(`SELECT id, ifnull(hash, X''), size, complete, ifnull(segment, 0), offset, refs, doomed IS NOT NULL FROM content ORDER BY segment, offset`,
		nil, func(r *db.Row) error {
			var id, size, segment, offset, refs int64
			var complete, doomed bool
			var sum []byte
			if err := r.Scan(&id, &sum, &size, &complete, &segment, &offset, &refs, &doomed); err != nil {
				return err
			}
			c.contents++
			if doomed != (refs == 0) {
				c.bad("content %x has %d references, doomed: %v", id, refs, doomed)
			}
			switch {
			case !complete && refs == 0:
				c.bad("content %x is unfinished and nobody's: start-up should have removed it", id)
			case !complete:
				c.named[c.object(id)] = true
				if segment != 0 {
					c.bad("content %x is unfinished and lies in a segment", id)
				}
				if _, err := os.Stat(c.object(id)); err != nil {
					c.bad("the file of unfinished content %x: %v", id, err)
				}
			case segment != 0:
				c.ranges = append(c.ranges, taken{segment, offset, offset + size, id})
				c.rehash(id, c.segment(segment), offset, size, sum)
			case size == 0:
				c.rehash(id, os.DevNull, 0, 0, sum)
			default:
				c.named[c.object(id)] = true
				c.rehash(id, c.object(id), 0, size, sum)
			}
			return nil
		})
}

// rehash compares bytes with the hash they are kept under.
func (c *checker) rehash(id int64, path string, offset, size int64, want []byte) {
	f, err := os.Open(path)
	if err != nil {
		c.bad("content %x: %v", id, err)
		return
	}
	defer f.Close()
	got, n, err := hash.SumReader(io.NewSectionReader(f, offset, size))
	c.bytes += n
	switch {
	case err != nil:
		c.bad("content %x: %v", id, err)
	case n != size:
		c.bad("content %x: %d bytes of %d in %s from %d on", id, n, size, filepath.Base(path), offset)
	case !bytes.Equal(got[:], want):
		c.bad("content %x: the %d bytes in %s from %d on are not those of its hash", id, size, filepath.Base(path), offset)
	}
}

// uploadRows reads the chunks of unfinished uploads again.
func (c *checker) uploadRows(t db.Table) error {
	if _, err := t.Row(`SELECT count(*) FROM upload`, nil, &c.uploads); err != nil {
		return err
	}
	if err := c.nothing(t, "upload", `SELECT u.id || ' has a complete content' FROM upload AS u JOIN content AS c ON c.id = u.content WHERE c.complete`); err != nil {
		return err
	}
	return t.Rows(`SELECT k.content, k.idx, k.size, k.value FROM chunk AS k JOIN content AS c ON c.id = k.content WHERE NOT c.complete`,
		nil, func(r *db.Row) error {
			var content, index, size int64
			var value []byte
			if err := r.Scan(&content, &index, &size, &value); err != nil {
				return err
			}
			c.chunks++
			f, err := os.Open(c.object(content))
			if err != nil {
				return nil // told already
			}
			defer f.Close()
			b := make([]byte, size)
			if _, err := f.ReadAt(b, index*hash.ChunkSize); err != nil {
				c.bad("chunk %d of content %x: %v", index, content, err)
				return nil
			}
			c.bytes += size
			if got := hash.ChunkValue(b, index); !bytes.Equal(got[:], value) {
				c.bad("chunk %d of content %x: its bytes are not those of its value", index, content)
			}
			return nil
		})
}

// counts compares what triggers and transactions count with what is there.
func (c *checker) counts(t db.Table) error {
	for _, q := range []struct{ what, query string }{
		{"references", `SELECT printf('content %x has %d, counted %d', id, refs, n) FROM (SELECT c.id, c.refs,
			(SELECT count(*) FROM hold WHERE content = c.id) + (SELECT count(*) FROM node WHERE content = c.id)
			+ (SELECT count(*) FROM past WHERE content = c.id) + (SELECT count(*) FROM upload WHERE content = c.id) AS n
			FROM content AS c) WHERE refs <> n`},
		{"charge", `SELECT printf('account %d holds %d, counted %d', id, held, n) FROM (SELECT a.id, a.held,
			(SELECT ifnull(sum(bytes), 0) FROM hold WHERE account = a.id) + (SELECT ifnull(sum(charged), 0) FROM upload WHERE account = a.id) AS n
			FROM account AS a) WHERE held <> n`},
		{"use", `SELECT printf('namespace %d uses %d, counted %d', id, used, n) FROM (SELECT s.id, s.used,
			(SELECT ifnull(sum(size), 0) FROM node WHERE namespace = s.id) + (SELECT ifnull(sum(size), 0) FROM past WHERE namespace = s.id) AS n
			FROM namespace AS s) WHERE used <> n`},
		{"quota", `SELECT printf('account %d has %d of %d bytes', id, n, quota) FROM (SELECT a.id, a.quota,
			a.held + (SELECT ifnull(sum(used), 0) FROM namespace WHERE owner = a.id) AS n FROM account AS a) WHERE n > quota`},
		{"hold", `SELECT printf('of account %d on content %x, which is not complete or has another size', h.account, h.content)
			FROM hold AS h JOIN content AS c ON c.id = h.content WHERE NOT c.complete OR c.size <> h.bytes`},
		{"hold", `SELECT printf('of account %d, which is not there', account) FROM hold WHERE account NOT IN (SELECT id FROM account)`},
	} {
		if err := c.nothing(t, q.what, q.query); err != nil {
			return err
		}
	}
	_, err := t.Row(`SELECT count(*) FROM hold`, nil, &c.holds)
	return err
}

// names looks at the trees and their journals.
func (c *checker) names(t db.Table) error {
	for _, q := range []struct{ what, query string }{
		{"node", `SELECT printf('%d names content %x, which is not complete or has another size', n.id, n.content)
			FROM node AS n JOIN content AS c ON c.id = n.content WHERE NOT c.complete OR c.size <> n.size`},
		{"node", `SELECT printf('%d of kind %d has content %d', id, kind, ifnull(content, 0)) FROM node WHERE (kind = 2) <> (content IS NULL)`},
		{"node", `SELECT printf('%d stands in %d of another namespace', n.id, p.id) FROM node AS n JOIN node AS p ON p.id = n.parent WHERE n.namespace <> p.namespace`},
		{"node", `SELECT printf('%d stands in %d, which is not a folder', n.id, p.id) FROM node AS n JOIN node AS p ON p.id = n.parent WHERE p.kind <> 2`},
		{"node", `SELECT printf('%d stands in %d, which neither is nor was there', id, parent) FROM node
			WHERE parent IS NOT NULL AND parent NOT IN (SELECT id FROM node) AND parent NOT IN (SELECT node FROM past WHERE deleted IN (1, 3))`},
		{"node", `SELECT printf('%d is there, was deleted by %d, and did not come again', n.id, p.until) FROM node AS n JOIN past AS p ON p.node = n.id
			WHERE p.deleted = 1 AND p.until > CASE n.created WHEN 0 THEN n.version ELSE n.created END`},
		{"node", `SELECT printf('%d is there and is being purged', id) FROM node WHERE id IN (SELECT node FROM past WHERE deleted = 3)`},
		{"moment", `SELECT printf('of namespace %d ends at %d, its journal at %d', s.id, ifnull(m, 0), s.journal)
			FROM (SELECT id, journal, (SELECT max(journal) FROM moment WHERE namespace = n.id) AS m FROM namespace AS n) AS s WHERE s.journal > 0 AND ifnull(m, 0) <> s.journal`},
		{"root", `SELECT printf('%d of namespace %d is not there', root, id) FROM namespace WHERE root NOT IN (SELECT id FROM node WHERE parent IS NULL)`},
		{"journal", `SELECT printf('of namespace %d is %d, but node %d has version %d', s.id, s.journal, n.id, n.version)
			FROM node AS n JOIN namespace AS s ON s.id = n.namespace WHERE n.version > s.journal`},
		{"journal", `SELECT printf('of namespace %d is %d, but node %d ended at %d', s.id, s.journal, p.node, p.until)
			FROM past AS p JOIN namespace AS s ON s.id = p.namespace WHERE p.until > s.journal`},
		{"journal", `SELECT printf('number %d of namespace %d was given to %d nodes', version, namespace, count(*)) FROM node
			WHERE parent IS NOT NULL GROUP BY namespace, version HAVING count(*) > 1`},
		{"version", `SELECT printf('%d of node %d ended at %d', version, node, until) FROM past WHERE until <= version`},
		{"version", `SELECT printf('%d of node %d ended, but stands', p.version, p.node) FROM past AS p JOIN node AS n ON n.id = p.node WHERE n.version < p.until`},
		{"version", `SELECT printf('of node %d names content %x, which is not complete or has another size', p.node, p.content)
			FROM past AS p JOIN content AS c ON c.id = p.content WHERE NOT c.complete OR c.size <> p.size`},
	} {
		if err := c.nothing(t, q.what, q.query); err != nil {
			return err
		}
	}
	_, err := t.Row(`SELECT (SELECT count(*) FROM node), (SELECT count(*) FROM past)`, nil, &c.nodes, &c.past)
	return err
}

// lives looks whether everybody who is gone has been cleaned up after.
func (c *checker) lives(t db.Table) error {
	return c.nothing(t, "life", `SELECT id || ' in slot ' || slot || ' was not ended' FROM life WHERE ended IS NULL`)
}

// overlaps looks whether two contents share bytes of a segment: nothing published is ever written again.
func (c *checker) overlaps() {
	slices.SortFunc(c.ranges, func(a, b taken) int {
		if a.segment != b.segment {
			return int(a.segment - b.segment)
		}
		return int(a.from - b.from)
	})
	for i := 1; i < len(c.ranges); i++ {
		if a, b := c.ranges[i-1], c.ranges[i]; a.segment == b.segment && b.from < a.to {
			c.bad("contents %x and %x share bytes of segment %x from %d on", a.content, b.content, a.segment, b.from)
		}
	}
}

// standing are the names that belong in a data folder beside objects and segments.
var standing = []string{"sluice.db", "sluice.db-wal", "sluice.db-shm", "server.lock", "schema.lock", "keeper.lock", "writer.lock",
	"life.lock", "control.sock", "page", "reserve", "reserve-log"}

// orphans looks for files that nothing names.
func (c *checker) orphans() {
	err := filepath.WalkDir(c.data, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rest, _ := strings.CutPrefix(path, c.data+"/")
		switch {
		case e.IsDir():
		case !strings.Contains(rest, "/"):
			if !slices.Contains(standing, rest) {
				c.bad("a file that has no business here: %s", rest)
			}
		default:
			c.files++
			if !c.named[path] {
				c.bad("no row names %s", rest)
			}
		}
		return nil
	})
	if err != nil {
		c.bad("walk: %v", err)
	}
}
