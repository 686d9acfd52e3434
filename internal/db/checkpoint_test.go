package db

import (
	"strings"
	"testing"
)

func TestCheckpoint(t *testing.T) {
	d := openTest(t)
	notes(t, d)
	for i := range 5 {
		if err := d.Write(note(strings.Repeat("x", 100_000) + string(rune('a'+i)))); err != nil {
			t.Fatal(err)
		}
	}
	n, err := d.Checkpoint(false)
	if err != nil || n < 500_000 {
		t.Fatalf("the log has %d bytes, %v", n, err)
	}
	if err := d.Read(func(tx *Tx) error { // a reader in the way: tried, given up, no error
		if _, err := tx.Namespace(1); err != nil {
			return err
		}
		if err := d.Write(note("y")); err != nil {
			return err
		}
		n, err := d.Checkpoint(true)
		if n == 0 {
			t.Error("the log was cut under a reader")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if n, err := d.Checkpoint(true); n != 0 || err != nil {
		t.Errorf("the log has %d bytes, %v", n, err)
	}
	if n := count(t, d, "%"); n != 6 {
		t.Errorf("%d notes", n)
	}
}
