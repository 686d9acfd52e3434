package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const userUnit = units + "/user/sluice@.service"

func TestUserUnitIsVerified(t *testing.T) {
	text, err := os.ReadFile(userUnit)
	must(t, err)
	path := filepath.Join(t.TempDir(), "sluice@home.service")
	must(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "/usr/bin/sluice", filepath.Join(programs, "sluice"))), 0o644))
	runtime := t.TempDir() // a user's manager has one
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	out := analyze(t, "verify", "--user", "--man=no", path)
	for line := range strings.Lines(out) {
		if strings.Contains(line, "sluice@") {
			t.Errorf("systemd-analyze verify: %s", strings.TrimSpace(line))
		}
	}
}

// What the client relies on stands in the user's unit, and nothing that a user's manager cannot do.
func TestUserUnitSaysWhatIsReliedOn(t *testing.T) {
	text, err := os.ReadFile(userUnit)
	must(t, err)
	for _, want := range []string{"ExecStart=/usr/bin/sluice sync --all --watch %i:", "Type=notify", "WatchdogSec=", "Restart=on-failure",
		"RestartPreventExitStatus=2 3 4 ", "WantedBy=default.target", "NoNewPrivileges=yes"} {
		if !strings.Contains("\n"+string(text), "\n"+want) {
			t.Errorf("the unit has no %s", want)
		}
	}
	// Each of these needs a namespace, a capability or root: the unit would not start, or files would have other owners in it.
	for _, not := range []string{"User=", "ProtectSystem=", "ProtectHome=", "Private", "ProtectKernel", "ProtectProc=", "CapabilityBoundingSet=",
		"multi-user.target", "network-online.target"} {
		if strings.Contains("\n"+string(text), "\n"+not) {
			t.Errorf("the unit has %s", not)
		}
	}
}

// The user's manager hears from the client as it is started by the unit: that it is up, how its folders are, that it lives, and
// that it stops; and the service ends well.
func TestUserServiceNotices(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	m := newMachine(t, s, "ann")
	docs := filepath.Join(m.dir, "docs")
	must(t, os.Mkdir(docs, 0o755))
	must(t, os.WriteFile(filepath.Join(docs, "a"), []byte("a"), 0o644))
	m.must("sync", docs, "home:docs")
	away := filepath.Join(m.dir, "away")
	must(t, os.Mkdir(away, 0o755))
	m.must("sync", away, "home:away")
	must(t, os.Rename(away, away+".unmounted"))

	manager := newManager(t)
	c := m.command(unitArguments(t, "home")...)
	manager.environment(time.Second)(c)
	c.Env = append(c.Env, m.env[len(os.Environ()):]...)
	var log bytes.Buffer
	c.Stdout, c.Stderr = &log, &log
	must(t, c.Start())
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() {
		_ = c.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("what it said:\n%s", &log)
		}
	})
	manager.next("READY=1")
	manager.next("STATUS=1 in-sync, 1 failing") // a folder that is not there stops no other
	if text := m.must("status", away); !strings.Contains(text, "is something not mounted?") {
		t.Errorf("status of a folder that is not there:\n%s", text)
	}
	if n := feeds(manager.during(2 * time.Second)); n < 3 {
		t.Errorf("%d feeds of the watchdog in 2 s, it wants one a second", n)
	}

	s.kill()
	must(t, os.WriteFile(filepath.Join(docs, "b"), []byte("b"), 0o644))
	if n := feeds(manager.during(2 * time.Second)); n < 3 {
		t.Errorf("%d feeds of the watchdog in 2 s without a server, it wants one a second", n)
	}

	must(t, c.Process.Signal(syscall.SIGTERM))
	manager.next("STOPPING=1")
	select {
	case err := <-ended:
		ended <- nil
		if err != nil {
			t.Errorf("after SIGTERM: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it has not stopped")
	}
}

// unitArguments are those the unit starts the client with, for one server's name.
func unitArguments(t *testing.T, remote string) []string {
	t.Helper()
	text, err := os.ReadFile(userUnit)
	must(t, err)
	for line := range strings.Lines(string(text)) {
		if command, ok := strings.CutPrefix(line, "ExecStart="); ok {
			return strings.Fields(strings.ReplaceAll(command, "%i", remote))[1:]
		}
	}
	t.Fatal("the unit starts nothing")
	return nil
}
