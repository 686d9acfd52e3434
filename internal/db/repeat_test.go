package db

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// TestRepeatReads: to look whether a key was used reads next to nothing, however many long replies are stored.
func TestRepeatReads(t *testing.T) {
	const replies, asked = 400, 400
	d := openTest(t)
	err := d.Write(func(tx *Tx) error {
		for i := range replies {
			if err := tx.InsertRepeat(Repeat{Account: 1, Key: keyOf(i), Request: make([]byte, 32), Reply: make([]byte, 32<<10), At: int64(i)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Checkpoint(true); err != nil {
		t.Fatal(err)
	}
	// SQLite reads in the thread that asks, so what this one has read is what the looks have cost.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := bytesRead(t)
	for i := range asked {
		if err := d.Read(func(tx *Tx) error {
			r, err := tx.Repeat(1, keyOf(replies+i))
			if r != nil {
				t.Error("a key that nobody used is known")
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if read := bytesRead(t) - before; read > asked*4096 {
		t.Errorf("%d looks read %d bytes", asked, read)
	}
}

// keyOf makes keys that lie anywhere, as random ones do.
func keyOf(i int) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(i)*0x9e3779b97f4a7c15)
}

func bytesRead(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/thread-self/io")
	if err != nil {
		t.Skip(err) // a kernel without accounts of tasks
	}
	text, _, _ := strings.Cut(strings.TrimPrefix(string(b), "rchar: "), "\n")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRepeatsMigrate: what version 2 has stored is found, and swept, in the versions after it.
func TestRepeatsMigrate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	now, err := Server().scripts()
	if err != nil {
		t.Fatal(err)
	}
	old := Schema{fstest.MapFS{"0001.sql": {Data: []byte(now[0])}, "0002.sql": {Data: []byte(now[1] + `
		INSERT INTO repeat (account, key, device, type, request, reply, at) VALUES (1, X'02', 3, 4, X'05', X'', 20), (1, X'01', 3, 4, X'05', X'06', 10)`)}}, serverID}
	if err := old.Migrate(path); err != nil {
		t.Fatal(err)
	}
	if err := Migrate(path); err != nil {
		t.Fatal(err)
	}
	d := reopen(t, path)
	err = d.Write(func(tx *Tx) error {
		r, err := tx.Repeat(1, []byte{1})
		if err != nil || r == nil || r.Device != 3 || r.Type != 4 || string(r.Request) != "\x05" || string(r.Reply) != "\x06" || r.At != 10 {
			t.Error(r, err)
		}
		if n, err := tx.SweepRepeats(15, 10); n != 1 || err != nil {
			t.Error(n, err)
		}
		if r, err := tx.Repeat(1, []byte{1}); r != nil || err != nil {
			t.Error(r, err)
		}
		if r, err := tx.Repeat(1, []byte{2}); r == nil || err != nil {
			t.Error(err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
