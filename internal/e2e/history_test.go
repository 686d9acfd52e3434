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

// What was replaced, moved and deleted is listed, read and restored by the programs, also over a worker's death.
func TestHistory(t *testing.T) {
	s := start(t, t.TempDir())
	m := newMachine(t, s, "ann")
	tree := filepath.Join(m.dir, "tree")
	for _, name := range []string{"a.txt", "sub/b.txt", "sub/deep/c.txt", "sub/\xff%.txt"} {
		write(t, filepath.Join(tree, name), []byte("first "+name), 0o644, time.Unix(1700000000, 0))
	}
	m.must("push", tree, "home:docs")
	first := madeAt(t, m, "home:docs/sub/deep/c.txt")
	write(t, filepath.Join(m.dir, "new"), []byte("second"), 0o644, time.Unix(1700000001, 0))
	m.must("put", filepath.Join(m.dir, "new"), "home:docs/a.txt")
	second := madeAt(t, m, "home:docs/a.txt")
	m.must("mv", "home:docs/sub", "home:docs/moved")
	m.must("rm", "home:docs/moved/b.txt")
	m.must("put", filepath.Join(m.dir, "new"), "home:docs/late.txt")

	if out := m.must("cat", "home:docs/a.txt", "--at", first); out != "first a.txt" {
		t.Errorf("as it was: %q", out)
	}
	if out := m.must("cat", "home:docs/a.txt", "--at", second); out != "second" {
		t.Errorf("as it was: %q", out)
	}
	if out := m.must("ls", "-R", "home:docs", "--at", first); !strings.Contains(out, "sub/deep/c.txt") || strings.Contains(out, "moved") {
		t.Errorf("list: %q", out)
	}
	if out := m.must("versions", "home:docs/a.txt"); strings.Count(out, "\n") != 3 {
		t.Errorf("versions: %q", out)
	}
	if out := m.must("log", "home:docs"); !strings.Contains(out, "moved     docs/moved/  from docs/sub") || !strings.Contains(out, "deleted   docs/moved/b.txt") {
		t.Errorf("log: %q", out)
	}
	m.fails(3, "cat", "home:docs/a.txt", "--at", "3 years ago")
	m.fails(2, "cat", "home:docs/a.txt", "--at", "tomorrow")
	m.fails(3, "versions", "home:docs/never")

	// One file, then one deleted, then all of it exactly, elsewhere and in its place.
	m.must("restore", "home:docs/a.txt", "--at", first)
	if out := m.must("cat", "home:docs/a.txt"); out != "first a.txt" {
		t.Errorf("restored: %q", out)
	}
	m.must("trash", "restore", "home:docs/moved/b.txt")
	m.fails(3, "trash", "restore", "home:docs/moved/b.txt")
	for _, pid := range s.workers() { // the parent starts others
		must(t, syscall.Kill(pid, syscall.SIGKILL))
	}
	m.must("restore", "home:docs", "--at", first, "--to", "home:again")
	pullSame(t, m, tree, "home:again")
	m.must("restore", "home:docs", "--at", first, "--exact", "-n")
	if out := m.must("ls", "home:docs"); !strings.Contains(out, "late.txt") {
		t.Errorf("a dry run did something: %q", out)
	}
	m.must("restore", "home:docs", "--at", first, "--exact")
	pullSame(t, m, tree, "home:docs")
	m.must("rm", "-r", "home:docs")
	m.must("restore", "home:docs")
	pullSame(t, m, tree, "home:docs")

	m.fails(2, "trash", "empty", "home:")
	if out := m.must("trash", "empty", "home:", "--yes"); !strings.Contains(out, "given up") {
		t.Errorf("trash empty: %q", out)
	}
	if out := m.must("trash", "ls", "home:"); strings.Count(out, "\n") != 1 {
		t.Errorf("trash ls: %q", out)
	}
	s.answers()
}

// madeAt is when the present version of a file was made.
func madeAt(t *testing.T, m *machine, path string) string {
	t.Helper()
	var got struct {
		Versions []struct {
			At string `json:"at"`
		} `json:"versions"`
	}
	must(t, json.Unmarshal([]byte(m.must("versions", "--json", path)), &got))
	if len(got.Versions) == 0 || got.Versions[0].At == "" {
		t.Fatalf("versions of %s: %+v", path, got)
	}
	return got.Versions[0].At
}

// pullSame pulls a folder and compares it.
func pullSame(t *testing.T, m *machine, want, path string) {
	t.Helper()
	back, err := os.MkdirTemp(m.dir, "back")
	must(t, err)
	m.must("pull", path, back)
	same(t, want, back)
}
