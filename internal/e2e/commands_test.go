package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCommands(t *testing.T) {
	s := start(t, t.TempDir())
	m := newMachine(t, s, "ann")
	file := filepath.Join(m.dir, "a.txt")
	write(t, file, []byte("hello\n"), 0o644, time.Unix(1700000000, 123))

	m.must("mkdir", "home:docs")
	m.must("put", file, "home:docs/")
	if out := m.must("cat", "home:docs/a.txt"); out != "hello\n" {
		t.Fatalf("cat: %q", out)
	}
	m.must("put", file, "home:docs/b.txt")
	if out := m.must("ls", "home:docs"); !strings.Contains(out, "a.txt") || !strings.Contains(out, "b.txt") {
		t.Fatalf("ls: %q", out)
	}
	m.must("mv", "home:docs/b.txt", "home:docs/c.txt")
	m.fails(3, "cat", "home:docs/b.txt")
	m.must("cp", "home:docs/c.txt", "home:docs/d.txt")
	m.must("cp", "-r", "home:docs", "home:copy")
	if out := m.must("cat", "home:copy/d.txt"); out != "hello\n" {
		t.Fatalf("cat of a copy: %q", out)
	}
	m.must("get", "home:docs/d.txt", "-o", filepath.Join(m.dir, "got"))
	if b, err := os.ReadFile(filepath.Join(m.dir, "got")); err != nil || string(b) != "hello\n" {
		t.Fatalf("get: %q, %v", b, err)
	}
	if out := m.must("get", "home:docs/d.txt", "-o", "-"); out != "hello\n" {
		t.Fatalf("get -o -: %q", out)
	}
	m.must("rm", "home:docs/d.txt")
	m.fails(3, "stat", "home:docs/d.txt")
	if r := m.run("rm", "home:copy"); r.code == 0 {
		t.Fatal("rm of a full folder without -r succeeded")
	}
	m.must("rm", "-r", "home:copy")
	m.fails(3, "ls", "home:copy")

	var st map[string]any
	if err := json.Unmarshal([]byte(m.must("stat", "--json", "home:docs/a.txt")), &st); err != nil {
		t.Fatalf("stat --json: %v", err)
	}
	if st["size"] != float64(6) {
		t.Fatalf("stat --json: size %v, want 6", st["size"])
	}
	if out := m.must("whoami"); !strings.Contains(out, "ann") {
		t.Fatalf("whoami: %q", out)
	}
	m.must("version")
	m.must("completion", "bash")
	s.answers()
}

func TestExitCodes(t *testing.T) {
	s := start(t, t.TempDir())
	addUser(t, s.data, "poor", "--quota", "100K")
	m := newMachine(t, s, "ann")
	big := filepath.Join(m.dir, "big")
	write(t, big, content(1, 300<<10), 0o644, time.Unix(1, 0))

	m.fails(2, "nonsense")
	m.fails(2, "ls", "--nonsense", "home:")
	m.fails(2, "login", "sluice://127.0.0.1", "--user", "ann", "--password-stdin")
	m.fails(2, "login", "127.0.0.1", "--user", "ann", "--password-stdin")
	m.fails(3, "cat", "home:missing")
	m.fails(3, "ls", "home:missing/deeper")
	m.fails(3, "push", filepath.Join(m.dir, "missing"), "home:x")

	stranger := bareMachine(t)
	if r := stranger.with("wrong\n", "login", "sluice+plain://"+s.address, "--user", "ann", "--password-stdin"); r.code != 4 {
		t.Fatalf("login with a wrong password: exit code %d, want 4\n%s", r.code, r.stderr)
	}
	if r := stranger.with(password+"\n", "login", "sluice+plain://"+s.address, "--user", "nobody", "--password-stdin"); r.code != 4 {
		t.Fatalf("login of nobody: exit code %d, want 4\n%s", r.code, r.stderr)
	}
	if r := stranger.run("ls", "home:"); r.code == 0 {
		t.Fatal("ls without a log-in succeeded")
	}

	poor := newMachine(t, s, "poor")
	poor.fails(8, "put", big, "home:big")
	poor.fails(3, "stat", "home:big")
	small := filepath.Join(m.dir, "small")
	write(t, small, []byte("small"), 0o644, time.Unix(1, 0))
	poor.must("put", small, "home:small") // what was refused is not charged

	m.must("logout")
	if r := m.run("ls", "home:"); r.code == 0 {
		t.Fatal("ls after logout succeeded")
	}
	s.answers()
	s.stop()
	poor.fails(5, "--timeout", "2s", "ls", "home:")
}

// What is not a regular file, folder or link, or cannot be read, is reported and stops nothing else.
func TestUnreadableAndSpecialFiles(t *testing.T) {
	s := start(t, t.TempDir())
	m := newMachine(t, s, "ann")
	dir := filepath.Join(m.dir, "dir")
	write(t, filepath.Join(dir, "good"), []byte("good"), 0o644, time.Unix(1, 0))
	must(t, mkfifo(filepath.Join(dir, "fifo")))
	r := m.fails(7, "push", dir, "home:d")
	if !strings.Contains(r.stderr+r.stdout, "fifo") {
		t.Fatalf("the special file is not named: %q %q", r.stdout, r.stderr)
	}
	if out := m.must("cat", "home:d/good"); out != "good" {
		t.Fatalf("good: %q", out)
	}
}

func TestMassDeleteStops(t *testing.T) {
	s := start(t, t.TempDir())
	m := newMachine(t, s, "ann")
	dir, empty := filepath.Join(m.dir, "dir"), filepath.Join(m.dir, "empty")
	for i := range 60 {
		write(t, filepath.Join(dir, string(rune('a'+i%26))+strings.Repeat("x", i/26)), []byte{byte(i)}, 0o644, time.Unix(1, 0))
	}
	must(t, os.MkdirAll(empty, 0o755))
	m.must("push", dir, "home:d")
	m.fails(9, "push", "--delete", empty, "home:d")
	back := filepath.Join(m.dir, "back")
	m.must("pull", "home:d", back)
	same(t, dir, back)
	m.must("mkdir", "home:none")
	m.fails(9, "pull", "--delete", "home:none", back)
	same(t, dir, back)
}
