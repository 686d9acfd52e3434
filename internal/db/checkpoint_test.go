package db

import (
	"os"
	"strings"
	"testing"
)

// A log that was moved begins anew, and its file stays as long as it is.
func TestCheckpoint(t *testing.T) {
	d := openTest(t)
	notes(t, d)
	used := func() int64 {
		t.Helper()
		n, err := d.LogLength()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	write := func(text string) {
		t.Helper()
		if err := d.Write(note(text)); err != nil {
			t.Fatal(err)
		}
	}
	file := func() int64 {
		t.Helper()
		info, err := os.Stat(d.path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	for i := range 5 {
		write(strings.Repeat("x", 100_000) + string(rune('a'+i)))
	}
	if held, err := d.Checkpoint(false); held || err != nil {
		t.Fatal(held, err)
	}
	long := file()
	if n := used(); n < 500_000 || n > long {
		t.Fatalf("%d bytes of the log's %d are in use", n, long)
	}
	for i := range 20 {
		write("frame " + string(rune('a'+i)))
	}
	if err := d.Read(func(tx *Tx) error { // a reader in the way: tried, given up, no error
		if _, err := tx.Namespace(1); err != nil {
			return err
		}
		write("y")
		held, err := d.Checkpoint(true)
		if !held {
			t.Error("the log was to begin anew under a reader")
		}
		before := used()
		write("z")
		if n := used(); n <= before {
			t.Errorf("it did: %d", n)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if held, err := d.Checkpoint(true); held || err != nil {
		t.Error(held, err)
	}
	write("anew")
	if n := used(); n > 50_000 || file() < long {
		t.Errorf("%d bytes of the log's %d are in use", n, file())
	}
	if n := count(t, d, "%"); n != 28 {
		t.Errorf("%d notes", n)
	}
}

// The file of a log that somebody's old snapshot has made very long is cut.
func TestLongLogIsCut(t *testing.T) {
	d := openTest(t)
	notes(t, d)
	if err := os.Truncate(d.path+"-wal", 70<<20); err != nil { // what lies behind the last frame is no frame
		t.Fatal(err)
	}
	if held, err := d.Checkpoint(true); held || err != nil {
		t.Fatal(held, err)
	}
	if err := d.Write(note("after it")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(d.path + "-wal"); err != nil || info.Size() > 64<<20 {
		t.Errorf("%v, %v", info, err)
	}
	if n := count(t, d, "%"); n != 1 {
		t.Errorf("%d notes", n)
	}
}
