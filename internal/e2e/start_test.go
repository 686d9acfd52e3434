package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/internal/proto"
)

// refused runs a server that must not start and answers what it said.
func refused(t *testing.T, data string, more ...string) string {
	t.Helper()
	s := &server{t: t, data: data}
	out, err := s.serveCommand(more...).CombinedOutput()
	if err == nil {
		t.Fatalf("the server started and ended well:\n%s", out)
	}
	return string(out)
}

func TestDamagedDatabaseRefused(t *testing.T) {
	data := t.TempDir()
	s := start(t, data)
	s.stop()
	path := filepath.Join(data, "sluice.db")
	must(t, os.WriteFile(path, []byte(strings.Repeat("this is not a database ", 1000)), 0o600))
	os.Remove(path + "-wal")
	os.Remove(path + "-shm")
	if out := refused(t, data); !strings.Contains(out, "damaged") {
		t.Errorf("the refusal does not say that the database is damaged:\n%s", out)
	}
	if b, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(b), "this is not") {
		t.Errorf("the damaged file was touched: %v", err)
	}
}

func TestPlainBeyondLoopbackRefused(t *testing.T) {
	data := t.TempDir()
	out := refused(t, data, "--listen", "0.0.0.0:0")
	if !strings.Contains(out, "plain") {
		t.Errorf("the refusal does not name the setting plain:\n%s", out)
	}
}

func TestUnknownConfigurationKeyRefused(t *testing.T) {
	data := t.TempDir()
	config := filepath.Join(data, "c.toml")
	must(t, os.WriteFile(config, []byte("workrs = 2\n"), 0o600))
	out := refused(t, data, "--config", config)
	if !strings.Contains(out, "workers") {
		t.Errorf("the refusal does not name the nearest known key:\n%s", out)
	}
}

// A request whose body is arriving when the server is told to stop is finished, its reply says closing, and the server
// ends with code 0.
func TestDrainFinishesRequests(t *testing.T) {
	s := start(t, t.TempDir())
	w := s.login("ann")
	defer w.close()
	b := content(3, 2<<20)
	frame := w.frame(proto.TypePutObjects, (&proto.PutObjects{Objects: []proto.Object{{Hash: blake3(b), Size: int64(len(b))}}}).Append(nil), b)
	must(t, w.send(frame[:len(frame)-1000]))
	time.Sleep(100 * time.Millisecond)
	must(t, s.command.Process.Signal(syscall.SIGTERM))
	time.Sleep(200 * time.Millisecond)
	must(t, w.send(frame[len(frame)-1000:]))
	r, err := w.read()
	if err != nil {
		t.Fatalf("the request in flight got no reply: %v", err)
	}
	if c := r.code(t); c != proto.OK {
		t.Fatalf("the request in flight: %v", c)
	}
	if r.Flags&proto.FlagClosing == 0 {
		t.Error("a draining server's reply is not flagged closing")
	}
	select {
	case <-s.ended:
	case <-time.After(30 * time.Second):
		t.Fatal("the server did not end")
	}
	if code := s.command.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// An interrupted push says how to go on, ends with 130, and the same command finishes it.
func TestInterruptedPush(t *testing.T) {
	s := start(t, t.TempDir())
	m := newMachine(t, s, "ann")
	dir := filepath.Join(m.dir, "dir")
	for i := range 8 {
		write(t, filepath.Join(dir, string(rune('a'+i))), content(uint64(i), 20<<20), 0o644, time.Unix(1, 0))
	}
	c := m.command("push", "--limit-rate", "20M", dir, "home:d")
	var log logBuffer
	c.Stdout, c.Stderr = &log, &log
	must(t, c.Start())
	for deadline := time.Now().Add(60 * time.Second); s.bytesIn() < 8<<20; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing arrived in a minute\n%s", log.String())
		}
	}
	must(t, c.Process.Signal(syscall.SIGINT))
	c.Wait()
	if code := c.ProcessState.ExitCode(); code != 130 {
		t.Fatalf("interrupted push: exit code %d, want 130\n%s", code, log.String())
	}
	m.must("push", dir, "home:d")
	back := filepath.Join(m.dir, "back")
	m.must("pull", "home:d", back)
	same(t, dir, back)
}

// The same key with the same request gets the stored reply; with another request it is refused.
func TestRepeatedKey(t *testing.T) {
	s := start(t, t.TempDir())
	w := s.login("ann")
	defer w.close()
	commit := &proto.Commit{Key: proto.Key{1, 2, 3}, Changes: []proto.Change{{Op: proto.OpMkdir, Name: "once", Mode: 0o755, Expect: 0}}}
	root := w.ask(proto.TypeStat, &proto.Stat{}, nil)
	st, err := proto.ParseStatReply(root.header)
	must(t, err)
	commit.Changes[0].Parent.Node = st.Entries[0].Node
	first := w.ask(proto.TypeCommit, commit, nil)
	if c := first.code(t); c != proto.OK {
		t.Fatalf("commit: %v", c)
	}
	again := w.ask(proto.TypeCommit, commit, nil)
	if string(again.header) != string(first.header) {
		t.Errorf("repeated: %s, first: %s", again.header, first.header)
	}
	commit.Changes[0].Name = "other"
	if c := w.ask(proto.TypeCommit, commit, nil).code(t); c != proto.KeyReused {
		t.Errorf("same key, another request: %v, want key-reused", c)
	}
	s.answers()
}

// The server's disk fills in the middle of uploads: the client is told with code 8, nothing half-written shows, and when there
// is room again the same command succeeds.
func TestDiskFull(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root for a loop mount")
	}
	needs(t, "mkfs.ext4", "e2fsprogs")
	dir := t.TempDir()
	image, mount := filepath.Join(dir, "image"), filepath.Join(dir, "mount")
	must(t, os.Mkdir(mount, 0o755))
	for _, args := range [][]string{{"truncate", "-s", "96M", image}, {"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, mount}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("no loop mount here: %v %s", err, out)
		}
	}
	t.Cleanup(func() {
		// After the server's own clean-up, which was registered later.
		unmount(t, mount)
	})
	s := start(t, filepath.Join(mount, "data"))
	m := newMachine(t, s, "ann")
	tree := filepath.Join(m.dir, "tree")
	for i := range 100 {
		write(t, filepath.Join(tree, "small", string(rune('a'+i%26))+strings.Repeat("y", i/26)), content(uint64(i), 200<<10), 0o644, time.Unix(1, 0))
	}
	write(t, filepath.Join(tree, "large"), content(500, 30<<20), 0o644, time.Unix(1, 0))
	filler := filepath.Join(mount, "filler")
	must(t, os.WriteFile(filler, make([]byte, 60<<20), 0o600))
	r := m.run("push", tree, "home:t")
	if r.code != 8 && r.code != 7 {
		t.Fatalf("push onto a full disk: exit code %d, want 8\n%s", r.code, r.stderr)
	}
	s.answers()
	must(t, os.Remove(filler))
	time.Sleep(100 * time.Millisecond)
	m.must("push", tree, "home:t")
	back := filepath.Join(m.dir, "back")
	m.must("pull", "home:t", back)
	same(t, tree, back)
	s.answers()
}

// unmount takes a mount away. A killed worker may still be on its way out, or another's mount namespace hold a copy: after
// a while it is only detached.
func unmount(t *testing.T, mount string) {
	t.Helper()
	for range 50 {
		if syscall.Unmount(mount, 0) == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err := syscall.Unmount(mount, syscall.MNT_DETACH); err != nil {
		t.Errorf("umount: %v", err)
	}
}
