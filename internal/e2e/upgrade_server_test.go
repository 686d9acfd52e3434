package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/internal/proto"
)

// upgraded waits until a server other than the process before serves, and answers its number.
func (v *service) upgraded(before int) int {
	v.t.Helper()
	return v.await("a new server", func(st *serviceStatus) bool { return st.Pid != before && st.State == "ready" }).Pid
}

func TestUpgradeUnderLoad(t *testing.T) {
	v := startService(t, "workers = 2")
	l := startLoad(&v.server)
	pid := v.command.Process.Pid
	for i := range rounds(6, 50) {
		v.install()
		if i%2 == 0 {
			v.done("upgrade")
		} else {
			must(t, syscall.Kill(pid, syscall.SIGUSR2))
		}
		next := v.upgraded(pid)
		st, err := v.state()
		must(t, err)
		if st.Listen[0] != v.address {
			t.Errorf("listening on %s, before the upgrade on %s", st.Listen[0], v.address)
		}
		v.await("the server before gone", func(st *serviceStatus) bool { return len(st.Predecessors) == 0 })
		v.waitGone([]int{pid}, 10*time.Second)
		pid = next
	}
	l.stop()
	<-v.ended
	if code := v.command.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the first server's exit code: %d", code)
	}
	st, err := v.state()
	must(t, err)
	if len(st.Workers) != 2 {
		t.Errorf("workers: %+v", st.Workers)
	}
	lock, err := os.ReadFile(filepath.Join(v.data, "server.lock"))
	if err != nil || strings.TrimSpace(string(lock)) != strconv.Itoa(pid) {
		t.Errorf("the lock names %q, %v; want %d", lock, err, pid)
	}
	v.answers()
	if r := v.tell("drain", "--wait"); r.code != 0 {
		t.Errorf("drain: %s", r.stderr)
	}
	v.waitGone(v.processes(), 10*time.Second)
}

// A program that does not come up is undone: the same processes go on, and who asked is told why.
func TestUpgradeUndone(t *testing.T) {
	v := startService(t, "workers = 2")
	before, err := v.state()
	must(t, err)
	built, err := os.ReadFile(filepath.Join(programs, "sluiced"))
	must(t, err)
	for _, row := range []struct {
		name, program, lines string
		code                 int
		text                 string
	}{
		{"ends with an error", "#!/bin/sh\nexit 7\n", "", 1, "exit status 7"},
		{"ends well", "#!/bin/sh\nexit 0\n", "", 1, "before it was ready"},
		{"is killed", "#!/bin/sh\nkill -9 $$\n", "", 1, "killed"},
		{"is no program", "nothing that runs", "", 1, "exec format error"},
		{"is not there", "", "", 3, "no such file"},
		{"finds a configuration that is wrong", string(built), "workrs = 2", 2, `"workers"`},
		{"finds another data folder", string(built), "data", 2, "stop it to change that"},
	} {
		t.Run(row.name, func(t *testing.T) {
			v.installText(row.program)
			if row.program == "" {
				must(t, os.Remove(v.program))
			}
			v.configure("workers = 2")
			switch row.lines {
			case "":
			case "data":
				must(t, os.WriteFile(v.config, []byte("data = '"+t.TempDir()+"'\nlisten = ['127.0.0.1:0']\n"), 0o644))
			default:
				v.configure(row.lines)
			}
			r := sluiced(t, "upgrade", "--data", v.data)
			if r.code != row.code || !strings.Contains(r.stderr, row.text) {
				t.Errorf("exit code %d, want %d with %q:\n%s", r.code, row.code, row.text, r.stderr)
			}
			after, err := v.state()
			must(t, err)
			if after.Pid != before.Pid || after.State != "ready" || after.Successor != 0 || len(after.Workers) != 2 ||
				after.Workers[0].Pid != before.Workers[0].Pid || after.Workers[1].Pid != before.Workers[1].Pid {
				t.Errorf("something has changed: %+v, before: %+v", after, before)
			}
			v.answers()
		})
	}
	v.configure("workers = 2")
	v.install()
	v.done("upgrade")
	v.upgraded(before.Pid)
	v.answers()
}

// What is flowing flows to its end in the old server, also over a second upgrade; status shows who still does what.
func TestUpgradeKeepsBodies(t *testing.T) {
	v := startService(t, "workers = 2")
	large := content(7, 24<<20)
	hash := v.upload(large)
	down := v.login("ann")
	defer down.close()
	must(t, down.send(down.frame(proto.TypeGet, (&proto.Get{Hash: hash, Length: -1}).Append(nil), nil)))
	time.Sleep(100 * time.Millisecond)
	first := v.command.Process.Pid
	v.done("upgrade")
	second := v.upgraded(first)
	v.done("upgrade")
	third := v.upgraded(second)
	st := v.await("the second gone", func(st *serviceStatus) bool { return len(st.Predecessors) == 1 })
	if st.Pid != third || st.Predecessors[0] != first {
		t.Errorf("status after two upgrades: %+v", st)
	}
	shown := false
	for _, w := range st.Workers {
		shown = shown || w.Parent == first && w.State == "draining" && w.Connections == 1
	}
	if !shown || st.Connections != 1 {
		t.Errorf("the old worker with its connection is not shown: %+v", st)
	}
	v.done("reload") // takes no slot of an old worker
	r, err := down.read()
	must(t, err)
	if !bytes.Equal(r.body, large) {
		t.Error("the download is not what was uploaded")
	}
	<-v.ended
	v.await("all old ones gone", func(st *serviceStatus) bool { return len(st.Predecessors) == 0 && len(st.Workers) == 2 })
	v.answers()
}

// A server that is stopped after an upgrade takes the one before with it, within drain-limit.
func TestUpgradeThenStop(t *testing.T) {
	v := startService(t, "drain-limit = '2s'")
	w := v.login("ann")
	defer w.close()
	b := content(8, 2<<20)
	frame := w.frame(proto.TypePutObjects, (&proto.PutObjects{Objects: []proto.Object{{Hash: blake3(b), Size: int64(len(b))}}}).Append(nil), b)
	must(t, w.send(frame[:len(frame)/2]))
	time.Sleep(100 * time.Millisecond)
	first := v.command.Process.Pid
	v.done("upgrade")
	second := v.upgraded(first)
	must(t, syscall.Kill(second, syscall.SIGTERM))
	began := time.Now()
	v.waitGone([]int{first, second}, 10*time.Second)
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("all ended after %v: the body on its way was given no time", took)
	}
	if left := v.processes(); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
}

// A server killed after it has taken over leaves a folder the next one can have at once, although an old worker was busy.
func TestUpgradeThenKill(t *testing.T) {
	v := startService(t, "")
	w := v.login("ann")
	defer w.close()
	b := content(8, 2<<20)
	frame := w.frame(proto.TypePutObjects, (&proto.PutObjects{Objects: []proto.Object{{Hash: blake3(b), Size: int64(len(b))}}}).Append(nil), b)
	must(t, w.send(frame[:len(frame)/2]))
	time.Sleep(100 * time.Millisecond)
	v.done("upgrade")
	second := v.upgraded(v.command.Process.Pid)
	must(t, syscall.Kill(second, syscall.SIGKILL))
	next := startServer(t, v.data)
	next.answers()
	next.stop()
}

// A version that changes the database is refused, with what to do instead.
func TestUpgradeRefusesAnotherSchema(t *testing.T) {
	if raceEnabled {
		t.Skip("builds a program: once is enough")
	}
	v := startService(t, "")
	dir := t.TempDir()
	root, err := filepath.Abs("../..")
	must(t, err)
	scripts, err := filepath.Glob(filepath.Join(root, "internal/db/schema/*.sql"))
	must(t, err)
	next := filepath.Join(root, "internal/db/schema", "000"+strconv.Itoa(len(scripts)+1)+".sql")
	must(t, os.WriteFile(filepath.Join(dir, "next.sql"), []byte("CREATE TABLE later (x INTEGER);\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "overlay.json"), []byte(`{"Replace":{"`+next+`":"`+filepath.Join(dir, "next.sql")+`"}}`), 0o644))
	build := exec.Command("go", "build", "-tags", tags, "-overlay", filepath.Join(dir, "overlay.json"), "-o", v.program+".new", "sluice/cmd/fileserver")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	must(t, os.Rename(v.program+".new", v.program))
	r := v.tell("upgrade")
	if r.code != 11 || !strings.Contains(r.stderr, "restart instead") {
		t.Errorf("exit code %d, want 11 with what to do:\n%s", r.code, r.stderr)
	}
	if st, err := v.state(); err != nil || st.Pid != v.command.Process.Pid || st.State != "ready" {
		t.Errorf("after the refusal: %+v, %v", st, err)
	}
	v.answers()
}
