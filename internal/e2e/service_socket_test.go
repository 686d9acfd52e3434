package e2e

import (
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// freePort is an address nobody listens on, for a program that must be told one.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// activate is a server that systemd-socket-activate starts with the first connection.
func activate(t *testing.T, v *service, listen ...string) *exec.Cmd {
	t.Helper()
	program := needs(t, "systemd-socket-activate", "systemd")
	var args []string
	for _, a := range listen {
		args = append(args, "-l", a)
	}
	c := exec.Command(program, append(args, v.program, "serve", "--config", v.config)...)
	c.Stdout, c.Stderr = v.log, v.log
	c.WaitDelay = time.Second
	return c
}

// unstarted is a service whose program is there and does not run.
func unstarted(t *testing.T, lines string) *service {
	t.Helper()
	dir := t.TempDir()
	v := &service{program: filepath.Join(dir, "sluiced"), config: filepath.Join(dir, "sluiced.toml")}
	v.server = server{t: t, data: filepath.Join(dir, "data"), log: &logBuffer{}, ended: make(chan struct{})}
	addUser(t, v.data, "ann")
	v.install()
	v.configure(lines)
	return v
}

// A server gets its sockets from systemd, with the connections that wait in them, and keeps them over reload and upgrade.
func TestSocketActivation(t *testing.T) {
	v := unstarted(t, "listen = ['127.0.0.1:1']") // which it does not listen on
	first, second := freePort(t), freePort(t)
	v.command = activate(t, v, first, second)
	must(t, v.command.Start())
	go func() { v.command.Wait(); close(v.ended) }()
	t.Cleanup(func() {
		v.command.Process.Kill()
		v.end()
		if t.Failed() {
			t.Log(v.log.String())
		}
	})
	var w *wire
	for deadline := time.Now().Add(10 * time.Second); w == nil; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", first); err == nil {
			conn.SetDeadline(time.Now().Add(wireLimit))
			w = &wire{t: t, conn: conn}
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	w.ping() // the connection that started it
	w.close()
	check := func(what string) {
		t.Helper()
		st := v.await(what, func(st *serviceStatus) bool { return st.State == "ready" })
		if len(st.Listen) != 2 || st.Listen[0] != first || st.Listen[1] != second {
			t.Errorf("%s: listening on %v, passed were %s and %s", what, st.Listen, first, second)
		}
		for _, v.address = range []string{first, second} {
			v.answers()
		}
	}
	check("started")
	v.configure("listen = ['127.0.0.1:2']\ncongestion = 'cubic'")
	v.done("reload")
	check("reloaded")
	v.done("upgrade")
	v.upgraded(v.command.Process.Pid)
	check("upgraded")
	v.done("reload")
	check("reloaded after the upgrade")
}

// A passed socket that others can reach is refused as an address of the configuration is.
func TestSocketActivationPlainRefused(t *testing.T) {
	v := unstarted(t, "")
	_, port, _ := net.SplitHostPort(freePort(t))
	c := activate(t, v, "0.0.0.0:"+port)
	must(t, c.Start())
	defer c.Process.Kill()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			conn.Close()
			break
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	c.Wait()
	if code := c.ProcessState.ExitCode(); code != 2 || !strings.Contains(v.log.String(), "plain") {
		t.Errorf("exit code %d, want 2 and the setting's name:\n%s", code, v.log)
	}
}
