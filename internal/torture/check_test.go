package torture

import (
	"context"
	"path/filepath"

	"sluice/internal/db"
	"sluice/internal/store"
)

// checked is what a check of a data folder has looked at, and what it found.
type checked struct {
	*store.FsckReport
	problems []string
}

// check compares a data folder with itself, as `sluiced fsck --bytes` does: database, rows, counts and charges, files, bytes.
// Nothing may be at work on it, and a start-up must have ended well, so that nothing is excused: store/DESIGN.md says what may
// be there. What an administrator may do and no round does is asked beside it.
func (r *round) check(data string) *checked {
	r.Helper()
	report, err := store.Fsck(context.Background(), store.FsckConfig{Data: data, Bytes: true, Strict: true})
	r.must(err)
	c := &checked{FsckReport: report}
	for _, f := range report.Findings {
		c.problems = append(c.problems, f.String())
	}
	d, err := db.Open(filepath.Join(data, "sluice.db"), db.Options{ReadOnly: true, Readers: 1})
	if err != nil {
		c.problems = append(c.problems, err.Error())
		return c
	}
	defer d.Close()
	r.must(d.Read(func(tx *db.Tx) error {
		for _, query := range []string{
			// Quotas are lowered by administrators only.
			`SELECT printf('account %d has %d of %d bytes', id, n, quota) FROM (SELECT a.id, a.quota,
				a.held + (SELECT ifnull(sum(used), 0) FROM namespace WHERE owner = a.id) AS n FROM account AS a) WHERE n > quota`,
			// Moments before the policy's time are thinned out, but the last one stays.
			`SELECT printf('namespace %d ends at %d, its moments at %d', id, journal, ifnull(m, 0)) FROM (SELECT id, journal,
				(SELECT max(journal) FROM moment WHERE namespace = n.id) AS m FROM namespace AS n) WHERE journal > 0 AND ifnull(m, 0) <> journal`,
		} {
			err := db.TableOf(tx).Rows(query, nil, func(row *db.Row) error {
				c.problems = append(c.problems, row.Text(0))
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	return c
}

// checkAll is check, in the middle of a round; problems end it.
func (s *server) checkAll(when string) *checked {
	s.Helper()
	c := s.round.check(s.data)
	s.problems(when, c.problems)
	return c
}
