package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// Of a large file that changed only what is new travels, both ways, also when workers are killed meanwhile.
func TestOnlyWhatIsNewTravels(t *testing.T) {
	const size = 30 << 20
	s := start(t, t.TempDir())
	m := newMachine(t, s, "ann")
	dir, back := filepath.Join(m.dir, "dir"), filepath.Join(m.dir, "back")
	old := content(1, size)
	at := filepath.Join(dir, "large")
	write(t, at, old, 0o644, time.Unix(1, 0))
	m.must("push", dir, "home:d")
	m.must("pull", "home:d", back)

	inserted := slices.Concat(old[:100_000], content(2, 1<<20+7), old[100_000:])
	write(t, at, inserted, 0o644, time.Unix(2, 0))
	before := s.bytesIn()
	m.must("push", dir, "home:d")
	if n := s.bytesIn() - before; n > 3<<20/2 {
		t.Errorf("%d bytes were sent for an insertion of 1 MiB", n)
	}
	before = s.bytesOut()
	m.must("pull", "home:d", back)
	if n := s.bytesOut() - before; n > 3<<20/2 {
		t.Errorf("%d bytes were fetched for an insertion of 1 MiB", n)
	}
	same(t, dir, back)

	// A byte here and there, where the ends of blocks say nothing; a worker is killed every now and then.
	for i := range 20 {
		inserted[i*len(inserted)/20+40_000]++
	}
	write(t, at, inserted, 0o644, time.Unix(3, 0))
	done := make(chan struct{})
	killed := make(chan int)
	go func() {
		n := 0
		defer func() { killed <- n }()
		for n < 3 {
			select {
			case <-done:
				return
			case <-time.After(150 * time.Millisecond):
			}
			if st, err := s.status(); err == nil && st.ready() {
				n++
				_ = syscall.Kill(st.Workers[n%len(st.Workers)].Pid, syscall.SIGKILL)
			}
		}
	}()
	m.must("push", dir, "home:d")
	close(done)
	t.Logf("%d workers were killed", <-killed)
	m.must("pull", "home:d", back)
	same(t, dir, back)
	s.answers()
}

// Holes neither travel nor take room.
func TestSparseFile(t *testing.T) {
	const size = 200 << 20
	s := start(t, t.TempDir())
	m := newMachine(t, s, "ann")
	at, back := filepath.Join(m.dir, "sparse"), filepath.Join(m.dir, "back")
	f, err := os.Create(at)
	must(t, err)
	must(t, f.Truncate(size))
	for i, b := range [][]byte{content(1, 10_000), content(2, 70_000)} {
		_, err := f.WriteAt(b, int64(i)*130<<20+123)
		must(t, err)
	}
	must(t, f.Close())
	if blocks(t, at) > 1<<20 {
		t.Skip("this file system makes no holes")
	}
	m.must("put", at, "home:sparse")
	if n := s.bytesIn(); n > 1<<20 {
		t.Errorf("%d bytes were sent", n)
	}
	m.must("get", "home:sparse", "-o", back)
	if n := s.bytesOut(); n > 1<<20 {
		t.Errorf("%d bytes were fetched", n)
	}
	if n := blocks(t, back); n > 1<<20 {
		t.Errorf("the file that came takes %d bytes", n)
	}
	for _, from := range []int64{0, 130 << 20, size - 1<<20} {
		want, got := part(t, at, from), part(t, back, from)
		if !bytes.Equal(got, want) {
			t.Errorf("other bytes from %d on", from)
		}
	}
}

// bytesOut is what all workers have sent.
func (s *server) bytesOut() (n int64) {
	s.t.Helper()
	st, err := s.status()
	must(s.t, err)
	for _, w := range st.Workers {
		n += w.BytesOut
	}
	return n
}

// blocks is the room a file takes.
func blocks(t *testing.T, path string) int64 {
	t.Helper()
	var st syscall.Stat_t
	must(t, syscall.Stat(path, &st))
	return st.Blocks * 512
}

// part is a MiB of a file.
func part(t *testing.T, path string, from int64) []byte {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	b := make([]byte, 1<<20)
	_, err = f.ReadAt(b, from)
	must(t, err)
	return b
}

// What is not a regular file is not replaced by one.
func TestGetOverAPipe(t *testing.T) {
	s := start(t, t.TempDir())
	m := newMachine(t, s, "ann")
	at, pipe := filepath.Join(m.dir, "a"), filepath.Join(m.dir, "pipe")
	write(t, at, []byte("hello"), 0o644, time.Unix(1, 0))
	m.must("put", at, "home:a")
	must(t, syscall.Mkfifo(pipe, 0o600))
	m.fails(2, "get", "home:a", "-o", pipe)
	if st, err := os.Lstat(pipe); err != nil || st.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("the pipe was replaced: %v", err)
	}
}
