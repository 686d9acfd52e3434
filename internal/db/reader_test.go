package db

import (
	"errors"
	"strings"
	"testing"
)

func TestReadIsOneSnapshot(t *testing.T) {
	d := openTest(t)
	notes(t, d)
	if err := d.Read(func(tx *Tx) error {
		for range 3 {
			var n int
			if _, err := tx.row(`SELECT count(*) FROM note`, nil, &n); err != nil {
				return err
			}
			if n != 0 {
				t.Errorf("%d notes in a snapshot of none", n)
			}
			if err := d.Write(note(strings.Repeat("x", n+1) + string(rune('a'+count(t, d, "%"))))); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n := count(t, d, "%"); n != 3 {
		t.Errorf("%d notes", n)
	}
}

func TestReadCannotWrite(t *testing.T) {
	d := openTest(t)
	notes(t, d)
	if err := d.Read(note("x")); err == nil {
		t.Error("a read has written")
	}
	if err := d.Write(note("y")); err != nil {
		t.Error(err)
	}
}

func TestReadPanicGivesTheReaderBack(t *testing.T) {
	d := openTest(t)
	for range defaultReaders + 1 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic is lost")
				}
			}()
			d.Read(func(*Tx) error { panic("x") })
		}()
	}
	if err := d.Read(func(*Tx) error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestReadOnly(t *testing.T) {
	d := openTest(t)
	r, err := Open(d.path, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Write(note("x")); !errors.Is(err, ErrReadOnly) {
		t.Errorf("answered with %v", err)
	}
	if err := r.Read(func(tx *Tx) error { _, err := tx.Namespace(1); return err }); err != nil {
		t.Error(err)
	}
}
