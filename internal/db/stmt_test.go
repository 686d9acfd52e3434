package db

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestValuesComeBack(t *testing.T) {
	d := openTest(t)
	seven := int64(7)
	var none *int64
	hash := [32]byte{1, 2, 31: 9}
	if err := d.Read(func(tx *Tx) error {
		var (
			i, null int64
			n       int
			u       uint32
			yes     bool
			b, nb   []byte
			empty   []byte
			s, sb   string
			p, np   *int64
			h       [32]byte
		)
		found, err := tx.row(`SELECT ?, NULL, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, ?`,
			[]any{int64(-1 << 63), 5, uint32(1<<32 - 1), true, []byte{0, 255}, []byte{}, "ä\x00", []byte("blob"), &seven, none, hash[:]},
			&i, &null, &n, &u, &yes, &b, &nb, &empty, &s, &sb, &p, &np, &h)
		if err != nil || !found {
			t.Fatal(found, err)
		}
		if i != -1<<63 || null != 0 || n != 5 || u != 1<<32-1 || !yes || !bytes.Equal(b, []byte{0, 255}) || nb != nil ||
			empty == nil || len(empty) != 0 || s != "ä\x00" || sb != "blob" || *p != 7 || np != nil || h != hash {
			t.Error(i, null, n, u, yes, b, nb, empty, s, sb, p, np, h)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestStatementFaults(t *testing.T) {
	d := openTest(t)
	notes(t, d)
	for _, c := range []struct {
		name string
		do   func(tx *Tx) error
		want string
	}{
		{"syntax", func(tx *Tx) error { return tx.run(`SELEKT`) }, "SELEKT"},
		{"few arguments", func(tx *Tx) error { return tx.run(`SELECT ?, ?`, 1) }, "BUG: 1 arguments for 2"},
		{"unknown type", func(tx *Tx) error { return tx.run(`SELECT ?`, 1.5) }, "BUG: a float64"},
		{"few destinations", func(tx *Tx) error { var n int; _, err := tx.row(`SELECT 1, 2`, nil, &n); return err }, "BUG: 2 columns"},
		{"unknown destination", func(tx *Tx) error { var f float64; _, err := tx.row(`SELECT 1`, nil, &f); return err }, "BUG"},
		{"long hash", func(tx *Tx) error { var h [32]byte; _, err := tx.row(`SELECT zeroblob(33)`, nil, &h); return err }, "33 bytes"},
		{"wrong type", func(tx *Tx) error { return tx.run(`INSERT INTO note (text) VALUES (?)`, "text, not blob") }, "INSERT"},
	} {
		if err := d.Write(c.do); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if err := d.Write(note("x")); err != nil {
		t.Error(err)
	}
	if err := d.Write(note("x")); !errors.Is(err, ErrUnique) {
		t.Errorf("a double row is told as %v", err)
	}
}

// The same statement is asked for again while its rows are being read.
func TestStatementWithinItself(t *testing.T) {
	d := openTest(t)
	notes(t, d)
	if err := d.Write(func(tx *Tx) error {
		for _, s := range []string{"a", "b", "c"} {
			if err := note(s)(tx); err != nil {
				return err
			}
		}
		seen := 0
		var walk func(depth int) error
		walk = func(depth int) error {
			return tx.rows(`SELECT text FROM note ORDER BY text`, nil, func(r *Row) error {
				text := r.Text(0)
				if depth > 0 {
					if err := walk(depth - 1); err != nil {
						return err
					}
				}
				if r.Text(0) != text {
					t.Error("a row has changed under its reader")
				}
				seen++
				return nil
			})
		}
		if err := walk(2); err != nil {
			return err
		}
		if seen != 3+9+27 {
			t.Errorf("%d rows", seen)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
