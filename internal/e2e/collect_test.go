package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// sluiced runs a command of the administrator on a server's data folder.
func (s *server) sluiced(code int, args ...string) string {
	s.t.Helper()
	c := exec.Command(filepath.Join(programs, "sluiced"), append(args, "--data", s.data)...)
	out, err := c.CombinedOutput()
	if got := c.ProcessState.ExitCode(); got != code {
		s.t.Fatalf("sluiced %v ended with %d, not %d (%v)\n%s", args, got, code, err, out)
	}
	return string(out)
}

// used is what `sluiced du` says of a use.
func (s *server) used(use string) (bytes, disk int64) {
	s.t.Helper()
	var answer struct {
		Uses map[string]struct{ Bytes, Disk int64 }
	}
	if err := json.Unmarshal([]byte(s.sluiced(0, "du", "--json")), &answer); err != nil {
		s.t.Fatal(err)
	}
	return answer.Uses[use].Bytes, answer.Uses[use].Disk
}

// What an account leaves is collected while its contents come again from another one and workers are killed: what is named is
// there, the rest is gone from the disk.
func TestCollector(t *testing.T) {
	data := t.TempDir()
	addUser(t, data, "ann")
	addUser(t, data, "bob")
	grace := "1s"
	if raceEnabled { // what is doomed would be collected before du has started to look
		grace = "10s"
	}
	s := start(t, data, "--grace", grace, "--workers", "2")
	ann, bob := newMachine(t, s, "ann"), newMachine(t, s, "bob")
	dir, both := filepath.Join(bob.dir, "dir"), filepath.Join(bob.dir, "dir", "both")
	for i := range 180 { // some in segments, some in files of their own, some of which both have
		to := dir
		if i%3 == 0 {
			to = both
		}
		write(t, filepath.Join(to, fmt.Sprint("f", i)), content(uint64(i), 500+i%4*60<<10), 0o644, time.Unix(1, 0))
	}
	bob.must("push", dir, "home:d")
	s.sluiced(0, "user", "remove", "bob", "--yes")
	if doomed, _ := s.used("doomed"); doomed == 0 {
		t.Error("nothing is doomed")
	}
	ended := make(chan struct{})
	go func() { // ann sends what is being collected, all the time
		defer close(ended)
		for i := range 4 {
			ann.run("push", "--connections", "2", both, fmt.Sprint("home:", i))
		}
	}()
	for range 4 {
		time.Sleep(300 * time.Millisecond)
		if all := s.workers(); len(all) > 0 {
			syscall.Kill(all[0], syscall.SIGKILL)
		}
	}
	<-ended
	ann.must("push", both, "home:last")
	time.Sleep(1100 * time.Millisecond)
	s.sluiced(0, "gc", "--grace", "1s")
	for _, what := range []string{"doomed", "ended"} {
		if bytes, _ := s.used(what); bytes != 0 {
			t.Errorf("%s: %d bytes are left", what, bytes)
		}
	}
	want := int64(0)
	must(t, filepath.WalkDir(both, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			info, _ := e.Info()
			want += info.Size()
		}
		return err
	}))
	if live, disk := s.used("live"); live != want || disk > want+100*4096 {
		t.Errorf("%d bytes live, %d of the disk, and ann has %d", live, disk, want)
	}
	s.sluiced(0, "fsck", "--bytes")
	back := filepath.Join(ann.dir, "back")
	ann.must("pull", "home:last", back)
	same(t, both, back)
	s.sluiced(3, "du", "bob")
}
