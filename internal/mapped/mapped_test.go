package mapped

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"sluice/internal/hash"
)

func fileOf(t *testing.T, b []byte) (fd int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func content(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * i >> 7)
	}
	return b
}

func TestRange(t *testing.T) {
	want := content(300_000)
	fd := fileOf(t, want)
	for _, r := range [][2]int{{0, 300_000}, {0, 1}, {299_999, 1}, {4095, 2}, {4096, 4096}, {100_001, 150_000}} {
		called := false
		err := Range(fd, int64(r[0]), int64(r[1]), func(b []byte) error {
			called = true
			if !bytes.Equal(b, want[r[0]:r[0]+r[1]]) {
				t.Errorf("%v: other bytes", r)
			}
			return nil
		})
		if err != nil || !called {
			t.Errorf("%v: %v, called: %v", r, err, called)
		}
	}
	failure := errors.New("no")
	if err := Range(fd, 0, 10, func([]byte) error { return failure }); err != failure {
		t.Errorf("the error of use became %v", err)
	}
}

func TestNoRange(t *testing.T) {
	fd := fileOf(t, content(10_000))
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	for _, c := range []struct {
		fd             int
		offset, length int64
	}{{fd, 0, 10_001}, {fd, 10_000, 1}, {fd, 1 << 61, 1 << 61}, {fd, -1, 5}, {fd, 0, 0}, {fd, 1, 1<<63 - 1}, {pipe[0], 0, 10}, {-1, 0, 10}} {
		err := Range(c.fd, c.offset, c.length, func([]byte) error { t.Error("called"); return nil })
		if !errors.Is(err, ErrNone) {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// A file that becomes shorter while it is looked at ends the look, and not the program; in code of any kind.
func TestFault(t *testing.T) {
	for name, look := range map[string]func(b []byte){
		"a byte": func(b []byte) {
			if b[len(b)-1] == 1 {
				t.Log("one")
			}
		},
		"a copy":    func(b []byte) { copy(make([]byte, len(b)), b) },
		"assembler": func(b []byte) { hash.Sum(b) },
	} {
		fd := fileOf(t, content(200_000))
		err := Range(fd, 5, 190_000, func(b []byte) error {
			if err := unix.Ftruncate(fd, 5_000); err != nil {
				t.Fatal(err)
			}
			look(b)
			return nil
		})
		if !errors.Is(err, ErrFault) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Any other panic goes on its way.
func TestPanic(t *testing.T) {
	fd := fileOf(t, content(10_000))
	defer func() {
		if r := recover(); r != "another" {
			t.Errorf("recovered %v", r)
		}
	}()
	_ = Range(fd, 0, 10_000, func([]byte) error { panic("another") })
}
