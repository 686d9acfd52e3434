package e2e

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// bytesIn is what all workers have received.
func (s *server) bytesIn() (n int64) {
	s.t.Helper()
	st, err := s.status()
	must(s.t, err)
	for _, w := range st.Workers {
		n += w.BytesIn
	}
	return n
}

// A push that was interrupted in the middle of a large file goes on there: what the server has is not sent again.
func TestLargeFileGoesOn(t *testing.T) {
	const size = 200 << 20
	s := start(t, t.TempDir())
	m := newMachine(t, s, "ann")
	dir := filepath.Join(m.dir, "dir")
	write(t, filepath.Join(dir, "large"), content(1, size), 0o644, time.Unix(1, 0))

	c := m.command("push", "--limit-rate", "60M", dir, "home:d")
	var log logBuffer
	c.Stdout, c.Stderr = &log, &log
	must(t, c.Start())
	deadline := time.Now().Add(60 * time.Second)
	for s.bytesIn() < size/2 {
		if time.Now().After(deadline) {
			c.Process.Kill()
			t.Fatal("half of the file did not arrive in a minute")
		}
		time.Sleep(20 * time.Millisecond)
	}
	must(t, c.Process.Signal(syscall.SIGINT))
	c.Wait()
	if code := c.ProcessState.ExitCode(); code != 130 {
		t.Fatalf("interrupted push: exit code %d, want 130\n%s", code, log.String())
	}

	before := s.bytesIn()
	m.must("push", dir, "home:d")
	// Half was there, but for the chunks that were on their way: four connections, 8 MiB each.
	if again := s.bytesIn() - before; again > size*3/4 {
		t.Errorf("%d MiB of %d MiB were sent by the second run", again>>20, size>>20)
	} else {
		t.Logf("the second run sent %d MiB of %d MiB", again>>20, size>>20)
	}
	back := filepath.Join(m.dir, "back")
	m.must("pull", "home:d", back)
	same(t, dir, back)
	s.answers()
}
