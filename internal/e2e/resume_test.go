package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// A large upload survives its client, the whole server and a worker, each killed in the middle, and is brought to its end by
// another device, which has a copy of the file under another name.
func TestLargeUploadSurvivesAll(t *testing.T) {
	const size = 96<<20 + 5
	rate := "80M"
	if raceEnabled { // to ask for the bytes that have come takes a second: the whole file would be there by then
		rate = "10M"
	}
	s := start(t, t.TempDir())
	laptop, desk := newMachine(t, s, "ann"), newMachine(t, s, "ann")
	file, twin := filepath.Join(laptop.dir, "image"), filepath.Join(desk.dir, "copy of it")
	write(t, file, content(2, size), 0o644, time.Unix(1, 0))
	write(t, twin, content(2, size), 0o644, time.Unix(2, 0))
	sending := func(m *machine, file string, until int64, then func(c *exec.Cmd)) *exec.Cmd {
		t.Helper()
		before := s.bytesIn()
		c := m.command("put", "--json", "--limit-rate", rate, file, "home:image")
		c.Stdout = new(bytes.Buffer)
		must(t, c.Start())
		for deadline := time.Now().Add(60 * time.Second); s.bytesIn() < before+until; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				c.Process.Kill()
				t.Fatal("it did not arrive in a minute")
			}
		}
		then(c)
		c.Wait()
		return c
	}
	sending(laptop, file, size/2, func(c *exec.Cmd) { c.Process.Kill() })
	s.kill()
	s = start(t, s.data, "--listen", s.address)
	c := sending(desk, twin, size/8, func(*exec.Cmd) {
		for _, pid := range s.workers()[:1] {
			must(t, syscall.Kill(pid, syscall.SIGKILL))
		}
	})
	var told struct {
		Resumed int64 `json:"resumed_bytes"`
	}
	out := c.Stdout.(*bytes.Buffer).Bytes()
	if err := json.Unmarshal(out, &told); err != nil || c.ProcessState.ExitCode() != 0 || told.Resumed < size/4 {
		t.Errorf("exit code %d, %v: %s", c.ProcessState.ExitCode(), err, out)
	}
	back := filepath.Join(laptop.dir, "back")
	laptop.must("get", "home:image", "-o", back)
	got, err := os.ReadFile(back)
	if err != nil || !bytes.Equal(got, content(2, size)) {
		t.Errorf("other bytes came back: %v", err)
	}
	if out := laptop.must("put", "--json", file, "home:again"); !strings.Contains(out, `"instant":true`) {
		t.Errorf("what is there is sent again: %s", out)
	}
	s.answers()
}
