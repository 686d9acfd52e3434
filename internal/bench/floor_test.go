package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The test binary is the harness too, so that floors run as processes of their own and end with the test.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && programs[os.Args[1]] != nil {
		os.Exit(Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	// With the race detector every program would wait a second at its end.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	code := m.Run()
	os.RemoveAll(builtIn)
	os.Exit(code)
}

func floor(t *testing.T, name string, j job) *server {
	t.Helper()
	s, err := startFloor(name, j)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

func TestDownFloor(t *testing.T) {
	const size = 3<<20 + 77
	file := filepath.Join(t.TempDir(), "file")
	if err := makeFile(file, size); err != nil {
		t.Fatal(err)
	}
	s := floor(t, "floor-down", job{File: file})
	for _, connections := range []int{1, 4} {
		m, err := fetched(t.Context(), job{
			Protocol: "bare", Address: s.address, Server: s.pid(), Size: size, Connections: connections, Times: 2,
		})
		if err != nil {
			t.Fatal(err)
		}
		if m.wall <= 0 || m.server <= 0 || m.client <= 0 {
			t.Errorf("%d connections: %+v", connections, m)
		}
	}
}

func TestUpFloor(t *testing.T) {
	const size = 20<<20 + 1
	dir := t.TempDir()
	file := filepath.Join(dir, "source")
	if err := makeFile(file, size); err != nil {
		t.Fatal(err)
	}
	s := floor(t, "floor-up", job{Dir: dir})
	for i, connections := range []int{1, 4} {
		j := job{Address: s.address, File: file, Size: size, Connections: connections}
		if _, _, err := runSelf(t.Context(), "floor-upload", j); err != nil {
			t.Fatal(err)
		}
		same(t, file, filepath.Join(dir, string(rune('1'+i))))
	}
}

func TestTreeFloor(t *testing.T) {
	dir, tree := t.TempDir(), t.TempDir()
	var all []byte
	for i, content := range []string{"", "a", strings.Repeat("b", 100_000), strings.Repeat("c", 9<<20)} {
		name := filepath.Join(tree, string(rune('a'+i)))
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		all = append(all, content...)
	}
	s := floor(t, "floor-tree", job{Dir: dir})
	if _, _, err := runSelf(t.Context(), "floor-push", job{Address: s.address, Dir: tree, Connections: 1}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "segment"))
	if err != nil || len(bytes.ReplaceAll(got, []byte{0}, nil)) != len(all) {
		t.Errorf("%d bytes arrived, %v", len(got), err)
	}
}

func TestEchoFloor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := makeFile(file, 4096); err != nil {
		t.Fatal(err)
	}
	for name, j := range map[string]job{
		"memory": {Request: 24, Reply: 24, Loops: 2},
		"file":   {Request: 24, Reply: 5000, File: file, Size: 4096, Loops: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := floor(t, "floor-echo", j)
			a, _, err := runSelf(t.Context(), "load", job{
				Protocol: "bare", Address: s.address, Server: s.pid(), Connections: 8, Duration: 50 * time.Millisecond,
				Requests: [][]byte{make([]byte, 24)}, Reply: j.Reply,
			})
			if err != nil || a.Units == 0 || a.Wall <= 0 {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
}

// nginx, where it is installed: one file up, down, and small requests, by the clients of ours.
func TestNginx(t *testing.T) {
	dir := t.TempDir()
	n, err := startNginx(dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	if n == nil {
		t.Skip("nginx is not installed")
	}
	t.Cleanup(n.stop)
	const size = 1<<20 + 5
	file := filepath.Join(dir, "source")
	if err := makeFile(file, size); err != nil {
		t.Fatal(err)
	}
	put := job{Address: n.address, Path: "/large", File: file, Size: size}
	if _, _, err := runSelf(t.Context(), "http-put", put); err != nil {
		t.Fatal(err)
	}
	same(t, file, filepath.Join(n.files, "large"))
	_, err = fetched(t.Context(), job{
		Protocol: "http", Address: n.address, Server: n.pid(), Path: "/large", Size: size, Connections: 3, Times: 1,
	})
	if err != nil {
		t.Error(err)
	}
	tree := filepath.Join(dir, "tree")
	for name, content := range map[string]string{"plain": "text", "a b/c%20d": strings.Repeat("x", 70_000), "empty/\u00e9": ""} {
		name = filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	push := job{Address: n.address, Path: "/tree", Dir: tree, Connections: 4}
	if _, _, err := runSelf(t.Context(), "http-push", push); err != nil {
		t.Fatal(err)
	}
	err = fs.WalkDir(os.DirFS(tree), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			same(t, filepath.Join(tree, path), filepath.Join(n.files, "tree", path))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, address := range []string{n.address, n.uncached} {
		a, _, err := runSelf(t.Context(), "load", job{
			Protocol: "http", Address: address, Server: n.pid(), Connections: 4, Duration: 50 * time.Millisecond,
			Requests: [][]byte{[]byte("GET /tree/plain HTTP/1.1\r\nHost: bench\r\n\r\n")},
		})
		if err != nil || a.Units == 0 {
			t.Errorf("%+v, %v", a, err)
		}
	}
}

func TestRsync(t *testing.T) {
	dir := t.TempDir()
	daemon, err := startRsync(dir)
	if err != nil {
		t.Fatal(err)
	}
	if daemon == nil {
		t.Skip("rsync is not installed")
	}
	t.Cleanup(daemon.stop)
	file := filepath.Join(dir, "source")
	if err := makeFile(file, 8<<20); err != nil {
		t.Fatal(err)
	}
	m, err := rsyncTimed(t.Context(), daemon, 1, file, "rsync://"+daemon.address+"/bench/large")
	if err != nil || m.wall <= 0 || m.client <= 0 {
		t.Errorf("%+v, %v", m, err)
	}
	same(t, file, filepath.Join(dir, "module", "large"))
}

// A program that is refused must say so, and a server floor must not outlive its standard input.
func TestProgramErrors(t *testing.T) {
	if _, _, err := runSelf(t.Context(), "fetch", job{Protocol: "bare", Address: "127.0.0.1:1", Connections: 1}); err == nil {
		t.Error("a fetch from nobody succeeded")
	}
	if _, _, err := runSelf(t.Context(), "load", job{Address: "192.0.2.1:80", Connections: 1, Requests: [][]byte{{1}}}); err == nil {
		t.Error("a load left the machine")
	}
	var out, log bytes.Buffer
	if code := runProgram("fetch", strings.NewReader("{"), &out, &log); code != 2 {
		t.Errorf("half a job: code %d", code)
	}
	s := floor(t, "floor-echo", job{Request: 1, Reply: 1, Loops: 1})
	s.stdin.Close()
	select {
	case <-s.ended:
	case <-time.After(5 * time.Second):
		t.Error("the floor still runs")
	}
	if b, err := json.Marshal(answer{}); err != nil || len(b) == 0 {
		t.Error(err)
	}
}

func same(t *testing.T, want, got string) {
	t.Helper()
	a, err := os.ReadFile(want)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(got)
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("%s has %d bytes, %s %d; or they differ (%v)", want, len(a), got, len(b), err)
	}
}
