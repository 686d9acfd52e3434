package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// manager is a service manager as far as a service sees one: a socket for notices.
type manager struct {
	t       *testing.T
	conn    *net.UnixConn
	notices chan notice
}

type notice struct {
	at   time.Time
	text string
}

func (n notice) has(line string) bool { return slices.Contains(strings.Split(n.text, "\n"), line) }

// value is what stands behind NAME= in a notice.
func (n notice) value(name string) (string, bool) {
	for line := range strings.SplitSeq(n.text, "\n") {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

func newManager(t *testing.T) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify") // short: a socket's name has 107 bytes
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unixgram"})
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	m := &manager{t: t, conn: conn, notices: make(chan notice, 1000)}
	go func() {
		b := make([]byte, 64<<10)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			m.notices <- notice{time.Now(), string(b[:n])}
		}
	}()
	return m
}

// environment is what the manager sets for the service.
func (m *manager) environment(watchdog time.Duration) func(*exec.Cmd) {
	return func(c *exec.Cmd) {
		c.Env = append(os.Environ(), "NOTIFY_SOCKET="+m.conn.LocalAddr().String(), fmt.Sprintf("WATCHDOG_USEC=%d", watchdog.Microseconds()))
	}
}

// next waits for a notice with this line.
func (m *manager) next(line string) notice {
	m.t.Helper()
	limit := time.After(20 * time.Second)
	var others []string
	for {
		select {
		case n := <-m.notices:
			if n.has(line) {
				return n
			}
			others = append(others, n.text)
		case <-limit:
			m.t.Fatalf("no notice %s; others: %q", line, others)
		}
	}
}

// during collects the notices of some time, from now.
func (m *manager) during(d time.Duration) (all []notice) {
	began, limit := time.Now(), time.After(d)
	for {
		select {
		case n := <-m.notices:
			if n.at.After(began) {
				all = append(all, n)
			}
		case <-limit:
			return all
		}
	}
}

func feeds(all []notice) (n int) {
	for _, one := range all {
		if one.has("WATCHDOG=1") {
			n++
		}
	}
	return n
}

// The service manager hears of every step of a server's life, from the process that serves.
func TestNotices(t *testing.T) {
	m := newManager(t)
	v := startService(t, "workers = 2", m.environment(time.Second))
	ready := m.next("READY=1")
	if status, _ := ready.value("STATUS"); !strings.HasPrefix(status, "ready: 2 of 2 workers") {
		t.Errorf("READY came with STATUS %q", status)
	}
	v.answers()

	if n := feeds(m.during(2 * time.Second)); n < 3 {
		t.Errorf("%d feeds of the watchdog in 2 s, it wants one a second", n)
	}

	v.done("reload")
	reloading := m.next("RELOADING=1")
	if at, ok := reloading.value("MONOTONIC_USEC"); !ok || at == "" {
		t.Errorf("RELOADING without its time: %q", reloading.text)
	}
	m.next("READY=1")

	v.configure("workrs = 2")
	sluiced(t, "reload", "--data", v.data)
	m.next("RELOADING=1")
	m.next("READY=1") // with the configuration it had
	v.configure("workers = 2")

	before := v.command.Process.Pid
	v.done("upgrade")
	m.next("RELOADING=1")
	pid := v.upgraded(before)
	if n := m.next("READY=1"); !n.has(fmt.Sprintf("MAINPID=%d", pid)) {
		t.Errorf("the new server's READY does not say MAINPID=%d: %q", pid, n.text)
	}
	if n := feeds(m.during(2 * time.Second)); n < 3 || n > 6 {
		t.Errorf("%d feeds of the watchdog in 2 s after the upgrade, it wants one a second", n)
	}

	v.installText("#!/bin/sh\nexit 1\n")
	v.tell("upgrade")
	m.next("RELOADING=1")
	if n := m.next("READY=1"); strings.Contains(n.text, "MAINPID") {
		t.Errorf("an upgrade that was undone ends with %q", n.text)
	}

	must(t, syscall.Kill(pid, syscall.SIGTERM))
	stopping := m.next("STOPPING=1")
	if _, ok := stopping.value("EXTEND_TIMEOUT_USEC"); !ok {
		t.Errorf("STOPPING does not ask for the time of the drain: %q", stopping.text)
	}
}

// The watchdog is not fed while workers hang, and is fed again when they have been replaced.
func TestWatchdogStarvesWithTheWorkers(t *testing.T) {
	m := newManager(t)
	v := startService(t, "workers = 2", m.environment(time.Second))
	m.next("READY=1")
	st, err := v.state()
	must(t, err)
	for _, w := range st.Workers {
		must(t, syscall.Kill(w.Pid, syscall.SIGSTOP))
	}
	m.during(6 * time.Second) // a worker may be silent for 5 s
	if n := feeds(m.during(2 * time.Second)); n > 0 {
		t.Errorf("fed %d times while no worker answers", n)
	}
	m.next("WATCHDOG=1") // the server has killed them and started others
	v.answers()
}

// Who is not the server is told nothing of the service manager.
func TestWorkersKnowNoManager(t *testing.T) {
	m := newManager(t)
	v := startService(t, "workers = 1", m.environment(time.Second))
	st, err := v.state()
	must(t, err)
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", st.Workers[0].Pid))
	must(t, err)
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_"} {
		if strings.Contains("\x00"+string(environment), "\x00"+name) {
			t.Errorf("a worker's environment has %s", name)
		}
	}
}
