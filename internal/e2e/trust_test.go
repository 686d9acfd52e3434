package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An administrator brings files in, checks and backs up while clients push and a worker is killed, finds what the disk has
// changed, and makes a server of the backup: no client loses anything.
func TestTrust(t *testing.T) {
	s := start(t, t.TempDir(), "--workers", "2")
	m := newMachine(t, s, "ann")
	dir := filepath.Join(m.dir, "dir")
	sampleTree(t, dir)
	time.Sleep(2100 * time.Millisecond) // for the client to remember what it reads: the server is asked to copy it below
	s.sluiced(0, "import", "ann", dir)
	m.must("pull", "home:", filepath.Join(m.dir, "pulled"))
	exported, backup := filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "backup")
	s.sluiced(0, "export", "ann", exported)

	pushed := make(chan result, 1)
	go func() { pushed <- m.run("push", dir, "home:pushed") }()
	must(t, syscall.Kill(s.workers()[0], syscall.SIGKILL))
	s.sluiced(0, "backup", backup, "--copy")
	s.sluiced(0, "fsck", "--bytes")
	if r := <-pushed; r.code != 0 {
		t.Fatalf("push: %v", r)
	}
	s.sluiced(0, "backup", backup, "--copy")
	s.sluiced(0, "backup", "verify", backup)

	// One bit on the disk.
	objects, err := filepath.Glob(filepath.Join(s.data, "objects/*/*"))
	if err != nil || len(objects) == 0 {
		t.Fatal(objects, err)
	}
	f, err := os.OpenFile(objects[0], os.O_RDWR, 0)
	must(t, err)
	b := make([]byte, 1)
	_, err = f.ReadAt(b, 1000)
	must(t, err)
	_, err = f.WriteAt([]byte{b[0] ^ 4}, 1000)
	must(t, err)
	must(t, f.Close())
	if out := s.sluiced(10, "scrub", "--limit-rate", "none"); !strings.Contains(out, filepath.Base(objects[0])) {
		t.Errorf("scrub: %s", out)
	}
	time.Sleep(1100 * time.Millisecond) // what a worker remembers is believed for a second
	again := filepath.Join(m.dir, "again")
	if r := m.run("pull", "home:pushed", again); r.code == 0 {
		t.Error("a damaged content was pulled")
	}
	if out := s.sluiced(10, "fsck"); !strings.Contains(out, "damaged: content") {
		t.Errorf("fsck: %s", out)
	}
	m.must("push", dir, "home:healing") // whose bytes they are heals it, under whatever name
	m.must("pull", "home:pushed", again)
	s.stop()
	s.sluiced(0, "fsck", "--bytes", "--repair")

	// The backup is a server, and the client sees that it went back in time.
	old := s.data
	must(t, os.Rename(old, old+".old"))
	s.sluiced(0, "restore", backup)
	s2 := startServer(t, old, "--workers", "2", "--listen", s.address)
	m.fails(3, "ls", "home:healing")
	m.must("push", dir, "home:pushed")
	m.must("pull", "home:pushed", filepath.Join(m.dir, "restored"))
	for _, other := range []string{filepath.Join(m.dir, "pulled"), exported, again, filepath.Join(m.dir, "restored")} {
		same(t, dir, other)
	}
	s2.stop()
	s2.sluiced(0, "fsck", "--bytes")
}
