package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// server is one running sluiced with a data folder.
type server struct {
	t       *testing.T
	data    string
	address string
	command *exec.Cmd
	ended   chan struct{} // closed when the parent has been reaped
	log     *logBuffer
}

// logBuffer collects what a program prints and hands it to t.Log when the test failed.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// password is every test user's.
const password = "correct horse"

// addUser adds an account to a data folder, which need not exist yet.
func addUser(t *testing.T, data, name string, more ...string) {
	t.Helper()
	c := exec.Command(filepath.Join(programs, "sluiced"), append([]string{"user", "add", name, "--password-stdin", "--data", data}, more...)...)
	c.Stdin = strings.NewReader(password + "\n")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("user add: %v\n%s", err, out)
	}
}

// start runs a server on data with user ann, who is added if the folder is new.
func start(t *testing.T, data string, more ...string) *server {
	t.Helper()
	if _, err := os.Stat(filepath.Join(data, "sluice.db")); err != nil {
		addUser(t, data, "ann")
	}
	return startServer(t, data, more...)
}

// startServer runs a server on data as it is.
func startServer(t *testing.T, data string, more ...string) *server {
	t.Helper()
	s := &server{t: t, data: data, log: &logBuffer{}}
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("server log:\n%s", tail(s.log.String(), 6000))
		}
	})
	s.launch(more...)
	return s
}

// again kills the server and starts it anew on its address.
func (s *server) again(more ...string) {
	s.t.Helper()
	s.kill()
	s.launch(append(more, "--listen", s.address)...)
}

// launch runs the program and waits until it is ready.
func (s *server) launch(more ...string) {
	s.t.Helper()
	s.command = s.serveCommand(more...)
	s.command.Stdout, s.command.Stderr = s.log, s.log
	// Workers keep writing to the log after the parent was killed: do not wait for them.
	s.command.WaitDelay = time.Second
	must(s.t, s.command.Start())
	ended := make(chan struct{})
	s.ended = ended
	go func(c *exec.Cmd) { c.Wait(); close(ended) }(s.command)
	deadline := time.Now().Add(30 * time.Second)
	for {
		if st, err := s.status(); err == nil && st.Pid == s.command.Process.Pid && len(st.Listen) > 0 && st.ready() {
			s.address = st.Listen[0]
			return
		}
		select {
		case <-s.ended:
			s.t.Fatalf("the server ended at its start:\n%s", s.log)
		default:
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the server did not come up in 30 s:\n%s", s.log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// serveCommand prepares a serve command on the server's folder; it listens on port 0 unless told otherwise.
func (s *server) serveCommand(more ...string) *exec.Cmd {
	args := []string{"serve", "--data", s.data, "--workers", "2"}
	if !slices.Contains(more, "--listen") {
		args = append(args, "--listen", "127.0.0.1:0")
	}
	return exec.Command(filepath.Join(programs, "sluiced"), append(args, more...)...)
}

// tail is the end of a long text.
func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// kill ends the parent with SIGKILL, if it still runs, and waits for the workers to be gone.
func (s *server) kill() {
	if s.ended == nil { // it was never started
		return
	}
	select {
	case <-s.ended:
		return
	default:
	}
	workers := s.workers()
	s.command.Process.Kill()
	<-s.ended
	s.waitGone(workers, 20*time.Second)
}

// stop drains the server and expects exit code 0.
func (s *server) stop() {
	s.t.Helper()
	s.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(60 * time.Second):
		s.t.Fatal("the server did not drain in 60 s")
	}
	if code := s.command.ProcessState.ExitCode(); code != 0 {
		s.t.Fatalf("drained server: exit code %d, want 0", code)
	}
}

// workers are the parent's direct children, as /proc tells.
func (s *server) workers() []int {
	raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", s.command.Process.Pid, s.command.Process.Pid))
	var pids []int
	for field := range strings.FieldsSeq(string(raw)) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	// Children are listed for the thread that forked them: look at all threads.
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", s.command.Process.Pid))
	seen := map[int]bool{}
	for _, p := range pids {
		seen[p] = true
	}
	for _, task := range tasks {
		raw, _ := os.ReadFile(task)
		for field := range strings.FieldsSeq(string(raw)) {
			if pid, err := strconv.Atoi(field); err == nil && !seen[pid] {
				seen[pid] = true
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// waitGone waits until none of pids runs.
func (s *server) waitGone(pids []int, limit time.Duration) {
	s.t.Helper()
	deadline := time.Now().Add(limit)
	for _, pid := range pids {
		for syscall.Kill(pid, 0) == nil && !zombie(pid) {
			if time.Now().After(deadline) {
				s.t.Errorf("worker %d is still there after %v", pid, limit)
				syscall.Kill(pid, syscall.SIGKILL)
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func zombie(pid int) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	after := raw[bytes.LastIndexByte(raw, ')')+1:]
	return bytes.HasPrefix(bytes.TrimSpace(after), []byte("Z"))
}

// status as `sluiced status --json` shows it: only what tests look at.
type status struct {
	Pid     int      `json:"pid"`
	Listen  []string `json:"listen"`
	Workers []struct {
		Slot        int    `json:"slot"`
		Pid         int    `json:"pid"`
		State       string `json:"state"`
		Connections int    `json:"connections"`
		Requests    int64  `json:"requests"`
		BytesIn     int64  `json:"bytes_in"`
		BytesOut    int64  `json:"bytes_out"`
		Pipes       int64  `json:"pipes"`
		Restarts    int64  `json:"restarts"`
	} `json:"workers"`
}

func (st *status) ready() bool {
	for _, w := range st.Workers {
		if w.State != "ready" {
			return false
		}
	}
	return len(st.Workers) > 0
}

func (s *server) status() (*status, error) {
	out, err := exec.Command(filepath.Join(programs, "sluiced"), "status", "--json", "--data", s.data).Output()
	if err != nil {
		return nil, err
	}
	st := new(status)
	return st, json.Unmarshal(out, st)
}

// answers fails the test unless the server answers on every worker: the end of every test of a fault.
func (s *server) answers() {
	s.t.Helper()
	for range 4 { // more connections than workers: all are asked
		c := s.dial()
		c.ping()
		c.close()
	}
}
