package db

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"

	"github.com/mattn/go-sqlite3"
)

// Tx is a transaction under way, valid within the function it was given to. Its statements are prepared once a
// connection and found by their text, so the text must be constant: values are bound, never written into it.
//
// Arguments are nil, int64, int, uint32, uint16, bool, string (TEXT), []byte (BLOB; nil is NULL) or *int64 (nil is NULL).
// Destinations are *int64 (NULL is 0), *int, *uint32, *bool, *[]byte (NULL is nil), *string (TEXT or BLOB), **int64
// (NULL is nil) or *[32]byte (a BLOB of 32 bytes; NULL leaves it zero).
type Tx struct{ c *conn }

// exec runs a statement that gives no rows and tells how many rows it changed and the rowid of its last insert.
func (tx *Tx) exec(sql string, args ...any) (affected, lastID int64, err error) {
	s, err := tx.c.statement(sql)
	if err != nil {
		return 0, 0, err
	}
	defer tx.c.done(s)
	named, err := s.bind(args)
	if err != nil {
		return 0, 0, err
	}
	res, err := s.s.ExecContext(context.Background(), named)
	if err != nil {
		return 0, 0, fault(sql, err)
	}
	affected, _ = res.RowsAffected()
	lastID, _ = res.LastInsertId()
	return affected, lastID, nil
}

// runEach runs statements of the same arguments, one after the other.
func (tx *Tx) runEach(list []string, args ...any) error {
	for _, sql := range list {
		if err := tx.run(sql, args...); err != nil {
			return err
		}
	}
	return nil
}

// run is exec for those who ask neither count nor rowid: binding and stepping are one call into C, which halves the
// cost of a small statement.
func (tx *Tx) run(sql string, args ...any) error {
	s, err := tx.c.statement(sql)
	if err != nil {
		return err
	}
	defer tx.c.done(s)
	named, err := s.bind(args)
	if err != nil {
		return err
	}
	r, err := s.s.QueryContext(context.Background(), named) // takes the first step, which is the last one
	if err != nil {
		return fault(sql, err)
	}
	return fault(sql, r.Close())
}

// row reads at most one row into dest; without dest it only tells whether there is one.
func (tx *Tx) row(sql string, args []any, dest ...any) (found bool, err error) {
	err = tx.each(sql, args, func(r *Row) (bool, error) {
		found = true
		if len(dest) == 0 {
			return false, nil
		}
		return false, r.Scan(dest...)
	})
	return found, err
}

// rows calls scan for every row, until it gives an error. The Row is valid within the call only. scan may use tx.
func (tx *Tx) rows(sql string, args []any, scan func(r *Row) error) error {
	return tx.each(sql, args, func(r *Row) (bool, error) { return true, scan(r) })
}

// each calls step for every row until it says false or gives an error.
func (tx *Tx) each(sql string, args []any, step func(r *Row) (more bool, err error)) (err error) {
	s, err := tx.c.statement(sql)
	if err != nil {
		return err
	}
	defer tx.c.done(s)
	named, err := s.bind(args)
	if err != nil {
		return err
	}
	r, err := s.s.QueryContext(context.Background(), named)
	if err != nil {
		return fault(sql, err)
	}
	defer func() {
		if e := r.Close(); e != nil && err == nil {
			err = fault(sql, e)
		}
	}()
	if s.row.values == nil {
		s.row.values = make([]driver.Value, len(r.Columns()))
	}
	for {
		switch err := r.Next(s.row.values); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return fault(sql, err)
		}
		if more, err := step(&s.row); err != nil || !more {
			return err
		}
	}
}

// Row is one row of an answer.
type Row struct{ values []driver.Value }

// Null tells whether column i is NULL.
func (r *Row) Null(i int) bool { return r.values[i] == nil }

// Int gives column i as a number; NULL is 0.
func (r *Row) Int(i int) int64 { v, _ := r.values[i].(int64); return v }

// Bytes gives column i as bytes, which belong to the caller; NULL is nil.
func (r *Row) Bytes(i int) []byte {
	switch v := r.values[i].(type) {
	case []byte:
		return v
	case string:
		return []byte(v)
	}
	return nil
}

// Text gives column i as a string; NULL is "".
func (r *Row) Text(i int) string {
	switch v := r.values[i].(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return ""
}

// Scan reads the columns into dest, see Tx.
func (r *Row) Scan(dest ...any) error {
	if len(dest) != len(r.values) {
		return fmt.Errorf("BUG: %d columns for %d destinations", len(r.values), len(dest))
	}
	for i := range dest {
		switch d := dest[i].(type) {
		case *int64:
			*d = r.Int(i)
		case *int:
			*d = int(r.Int(i))
		case *uint32:
			*d = uint32(r.Int(i))
		case *bool:
			*d = r.Int(i) != 0
		case *[]byte:
			*d = r.Bytes(i)
		case *string:
			*d = r.Text(i)
		case **int64:
			*d = nil
			if !r.Null(i) {
				n := r.Int(i)
				*d = &n
			}
		case *[32]byte:
			*d = [32]byte{}
			if b := r.Bytes(i); b != nil && copy(d[:], b) != len(b) {
				return fmt.Errorf("%w: column %d holds %d bytes, not 32", ErrDamaged, i, len(b))
			}
		default:
			return fmt.Errorf("BUG: a column cannot be read into %T", dest[i])
		}
	}
	return nil
}

// conn is one connection and its prepared statements. It is used by one goroutine at a time.
type conn struct {
	c          *sqlite3.SQLiteConn
	statements map[string]*statement
}

// statement is a prepared statement with the space its arguments and rows need.
type statement struct {
	s      *sqlite3.SQLiteStmt
	args   []driver.NamedValue
	row    Row
	busy   bool // its rows are being read
	single bool // not kept: another of the same text is busy
}

func newConn(c *sqlite3.SQLiteConn) *conn {
	return &conn{c: c, statements: make(map[string]*statement)}
}

// statement finds or prepares the statement of this text. A text whose rows are being read is prepared a second time.
func (c *conn) statement(sql string) (*statement, error) {
	kept := c.statements[sql]
	if kept != nil && !kept.busy {
		kept.busy = true
		return kept, nil
	}
	ds, err := c.c.Prepare(sql)
	if err != nil {
		return nil, fault(sql, err)
	}
	s := &statement{s: ds.(*sqlite3.SQLiteStmt), args: make([]driver.NamedValue, ds.NumInput()), busy: true, single: kept != nil}
	for i := range s.args {
		s.args[i].Ordinal = i + 1
	}
	if !s.single {
		c.statements[sql] = s
	}
	return s, nil
}

// done gives a statement back.
func (c *conn) done(s *statement) {
	s.busy = false
	for i := range s.args {
		s.args[i].Value = nil // a hash may lie in the last of 100,000 rows, and would keep them all
	}
	if s.single {
		s.s.Close()
	}
}

// bind fills in the arguments.
func (s *statement) bind(args []any) ([]driver.NamedValue, error) {
	if len(args) != len(s.args) {
		return nil, fmt.Errorf("BUG: %d arguments for %d parameters", len(args), len(s.args))
	}
	for i, a := range args {
		switch a := a.(type) {
		case nil, int64, string, []byte:
			s.args[i].Value = a
		case int:
			s.args[i].Value = int64(a)
		case uint32:
			s.args[i].Value = int64(a)
		case uint16:
			s.args[i].Value = int64(a)
		case bool:
			s.args[i].Value = a
		case *int64:
			if a == nil {
				s.args[i].Value = nil
			} else {
				s.args[i].Value = *a
			}
		default:
			return nil, fmt.Errorf("BUG: a %T cannot be bound", a)
		}
	}
	return s.args, nil
}

// script runs statements without arguments that are not kept.
func (c *conn) script(sql string) error {
	_, err := c.c.Exec(sql, nil)
	return fault(sql, err)
}

// close closes the connection with its statements.
func (c *conn) close() error {
	for _, s := range c.statements {
		s.s.Close()
	}
	return wrap(c.c.Close())
}

// fault says which statement failed.
func fault(sql string, err error) error {
	if err == nil {
		return nil
	}
	if len(sql) > 60 {
		sql = sql[:60] + "…"
	}
	return fmt.Errorf("%s: %w", sql, wrap(err))
}
