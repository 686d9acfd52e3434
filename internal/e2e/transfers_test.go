package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A get that was killed is listed, and goes on where it was; one that is cancelled leaves nothing.
func TestTransfers(t *testing.T) {
	const size = 96 << 20
	s := start(t, t.TempDir())
	m := newMachine(t, s, "ann")
	write(t, filepath.Join(m.dir, "large"), content(1, size), 0o644, time.Unix(1, 0))
	m.must("put", filepath.Join(m.dir, "large"), "home:large")
	to := filepath.Join(m.dir, "to")
	must(t, os.Mkdir(to, 0o755))
	broken := func(how syscall.Signal, done func() bool) {
		t.Helper()
		c := m.command("get", "--limit-rate", "20M", "--connections", "1", "home:large", "-o", to+"/")
		must(t, c.Start())
		for end := time.Now().Add(60 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				c.Process.Kill()
				t.Fatal("it did not come so far in a minute")
			}
		}
		must(t, c.Process.Signal(how))
		c.Wait()
	}
	listed := func(want ...string) func() bool {
		return func() bool {
			out := m.must("transfers", "ls")
			for _, w := range want {
				if !strings.Contains(out, w) {
					return false
				}
			}
			return true
		}
	}

	broken(syscall.SIGKILL, func() bool {
		var all struct{ Transfers []struct{ Done int64 } }
		must(t, json.Unmarshal([]byte(m.must("transfers", "ls", "--json")), &all))
		return len(all.Transfers) > 0 && all.Transfers[0].Done > size/4
	})
	if !listed("interrupted", "sluice get --limit-rate 20M --connections 1 home:large")() {
		t.Fatal(m.must("transfers", "ls"))
	}
	m.fails(3, "transfers", "resume", "99")
	m.fails(2, "transfers", "resume")
	before := s.bytesOut()
	m.must("transfers", "resume", "--all")
	if again := s.bytesOut() - before; again > size*3/4+1<<20 {
		t.Errorf("%d MiB of %d MiB were fetched again", again>>20, size>>20)
	}
	same(t, filepath.Join(m.dir, "large"), filepath.Join(to, "large"))
	if !listed("nothing is unfinished")() {
		t.Error(m.must("transfers", "ls"))
	}

	must(t, os.Remove(filepath.Join(to, "large")))
	broken(syscall.SIGINT, listed("running"))
	m.must("transfers", "cancel", "--all")
	if list, err := os.ReadDir(to); err != nil || len(list) > 0 {
		t.Errorf("left: %v, %v", list, err)
	}
	if !listed("nothing is unfinished")() {
		t.Error(m.must("transfers", "ls"))
	}
}
