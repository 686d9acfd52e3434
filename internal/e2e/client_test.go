package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// machine is one client machine: its own configuration, state and cache.
type machine struct {
	t   *testing.T
	dir string
	env []string

	space string               // the network namespace its programs run in; empty: this one
	user  *syscall.SysProcAttr // whose they are; nil: ours
}

// result is how a client command ended.
type result struct {
	stdout, stderr string
	code           int
}

// newMachine makes a machine that is logged in at s as user, under the remote name home.
func newMachine(t *testing.T, s *server, user string) *machine {
	t.Helper()
	m := bareMachine(t)
	r := m.with(password+"\n", "login", "sluice+plain://"+s.address, "--user", user, "--password-stdin", "--name", "home")
	if r.code != 0 {
		t.Fatalf("login: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	return m
}

// bareMachine makes a machine that knows no server.
func bareMachine(t *testing.T) *machine {
	t.Helper()
	dir := t.TempDir()
	return &machine{t: t, dir: dir, env: append(os.Environ(),
		"XDG_CONFIG_HOME="+filepath.Join(dir, "config"), "XDG_STATE_HOME="+filepath.Join(dir, "state"),
		"XDG_CACHE_HOME="+filepath.Join(dir, "cache"), "XDG_RUNTIME_DIR="+dir, "HOME="+dir, "NO_COLOR=1")}
}

// command prepares a client command.
func (m *machine) command(args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(programs, "sluice"), args...)
	if m.space != "" { // it becomes the program, under the same number
		c = exec.Command("ip", append([]string{"netns", "exec", m.space, c.Path}, args...)...)
	}
	c.SysProcAttr = m.user
	c.Env = m.env
	c.Dir = m.dir
	return c
}

// with runs a client command with standard input.
func (m *machine) with(stdin string, args ...string) result {
	m.t.Helper()
	c := m.command(args...)
	var stdout, stderr bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		m.t.Fatalf("sluice %s: %v", strings.Join(args, " "), err)
	}
	return result{stdout.String(), stderr.String(), c.ProcessState.ExitCode()}
}

// run runs a client command and tells how it ended.
func (m *machine) run(args ...string) result {
	m.t.Helper()
	return m.with("", args...)
}

// must runs a client command that must succeed and answers what it printed.
func (m *machine) must(args ...string) string {
	m.t.Helper()
	return m.fails(0, args...).stdout
}

// fails runs a client command that must end with code.
func (m *machine) fails(code int, args ...string) result {
	m.t.Helper()
	r := m.run(args...)
	if r.code != code {
		m.t.Fatalf("sluice %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.stdout, r.stderr)
	}
	return r
}
