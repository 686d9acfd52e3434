package e2e

import (
	"bytes"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/internal/proto"
)

// long says that these are the long tests (make torture).
func long() bool { return os.Getenv("SLUICE_TORTURE") != "" }

// rounds is how many reloads or upgrades a test makes; more in the long tests.
func rounds(few, many int) int {
	if long() {
		return many
	}
	return few
}

// TestReloadUnderLoad is L3 of the torture rounds: the configuration is read again and again while clients work, and no call of
// theirs fails, nor is a connection refused.
func TestReloadUnderLoad(t *testing.T) {
	v := startService(t, "workers = 2")
	l := startLoad(&v.server)
	n := rounds(10, 100)
	for i := range n {
		// More and fewer workers, and as many.
		v.configure("workers = " + string("2231"[i%4]) + "\nlisten = ['127.0.0.1:0']")
		v.done("reload")
	}
	time.Sleep(200 * time.Millisecond)
	l.stop()
	st := v.await("old workers gone", func(st *serviceStatus) bool {
		return len(st.Workers) == int("2231"[(n-1)%4]-'0')
	})
	if st.Generation != n || st.Pid != v.command.Process.Pid || st.Listen[0] != v.address {
		t.Errorf("after %d reloads: %+v", n, st)
	}
	v.answers()
}

// SIGHUP does what the command does, also where it comes twice at once.
func TestReloadBySignal(t *testing.T) {
	v := startService(t, "workers = 1")
	v.configure("workers = 2")
	must(t, v.command.Process.Signal(syscall.SIGHUP))
	v.await("two workers", func(st *serviceStatus) bool { return st.State == "ready" && len(st.Workers) == 2 && st.Generation == 1 })
	v.configure("workers = 1")
	must(t, v.command.Process.Signal(syscall.SIGHUP))
	must(t, v.command.Process.Signal(syscall.SIGHUP))
	v.await("one worker", func(st *serviceStatus) bool { return st.State == "ready" && len(st.Workers) == 1 && st.Generation >= 2 })
	v.answers()
}

// A configuration that is wrong changes nothing, and says what is wrong.
func TestReloadRefused(t *testing.T) {
	v := startService(t, "workers = 2")
	before, err := v.state()
	must(t, err)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	for _, row := range []struct {
		name, lines string
		code        int
		text        string
	}{
		{"unknown key", "workrs = 2", 2, `"workers"`},
		{"wrong value", "workers = 1000", 2, "0 to 64"},
		{"plain beyond loopback", "listen = ['0.0.0.0:0']", 2, "plain"},
		{"address in use", "listen = ['127.0.0.1:0', '" + taken.Addr().String() + "']", 5, "another program listens there"},
		{"congestion control", "congestion = 'none-such'", 2, "this kernel offers"},
		{"another data folder", "", 2, "restart"},
	} {
		t.Run(row.name, func(t *testing.T) {
			v.configure(row.lines)
			if row.name == "another data folder" {
				must(t, os.WriteFile(v.config, []byte("data = '/nowhere'\nlisten = ['127.0.0.1:0']\n"), 0o644))
			}
			// By the folder, so that it is the server which reads the file.
			r := sluiced(t, "reload", "--data", v.data)
			if r.code != row.code || !strings.Contains(r.stderr, row.text) {
				t.Errorf("exit code %d, want %d with %q:\n%s", r.code, row.code, row.text, r.stderr)
			}
			after, err := v.state()
			must(t, err)
			if after.State != "ready" || after.Generation != 0 || len(after.Workers) != 2 ||
				after.Workers[0].Pid != before.Workers[0].Pid || after.Workers[1].Pid != before.Workers[1].Pid || !slices.Equal(after.Listen, before.Listen) {
				t.Errorf("something has changed: %+v, before: %+v", after, before)
			}
		})
	}
	v.answers()
	v.configure("workers = 2")
	v.done("reload")
	v.answers()
}

// What is flowing when the configuration is read again flows to its end.
func TestReloadKeepsBodies(t *testing.T) {
	v := startService(t, "workers = 2")
	large := content(7, 24<<20)
	hash := v.upload(large)
	down, up := v.login("ann"), v.login("ann")
	defer down.close()
	defer up.close()
	must(t, down.send(down.frame(proto.TypeGet, (&proto.Get{Hash: hash, Length: -1}).Append(nil), nil)))
	b := content(8, 2<<20)
	frame := up.frame(proto.TypePutObjects, (&proto.PutObjects{Objects: []proto.Object{{Hash: blake3(b), Size: int64(len(b))}}}).Append(nil), b)
	must(t, up.send(frame[:len(frame)/2]))
	time.Sleep(100 * time.Millisecond)
	v.done("reload")
	v.done("reload") // the workers between have ended at once
	st, err := v.state()
	must(t, err)
	old := 0
	for _, w := range st.Workers {
		if w.State == "draining" {
			old++
		}
	}
	if old == 0 {
		t.Errorf("no old worker is shown while bodies flow: %+v", st)
	}
	must(t, up.send(frame[len(frame)/2:]))
	r, err := up.read()
	must(t, err)
	if c := r.code(t); c != proto.OK || r.Flags&proto.FlagClosing == 0 {
		t.Errorf("the upload: %v, flags %x; want it done and closing", c, r.Flags)
	}
	r, err = down.read()
	must(t, err)
	if !bytes.Equal(r.body, large) {
		t.Error("the download is not what was uploaded")
	}
	v.await("old workers gone", func(st *serviceStatus) bool { return len(st.Workers) == 2 })
}

// An old worker has the time reload-drain-limit gives it, and no more.
func TestReloadDrainLimit(t *testing.T) {
	v := startService(t, "workers = 1\nreload-drain-limit = '1s'")
	w := v.login("ann")
	defer w.close()
	b := content(8, 2<<20)
	frame := w.frame(proto.TypePutObjects, (&proto.PutObjects{Objects: []proto.Object{{Hash: blake3(b), Size: int64(len(b))}}}).Append(nil), b)
	must(t, w.send(frame[:len(frame)/2]))
	time.Sleep(100 * time.Millisecond)
	v.done("reload")
	v.await("the old worker gone", func(st *serviceStatus) bool { return len(st.Workers) == 1 })
	v.answers()
}

// Listeners come and go by a reload; those that stay are the same.
func TestReloadListeners(t *testing.T) {
	v := startService(t, "listen = ['127.0.0.1:0']")
	v.configure("listen = ['127.0.0.1:0', '[::1]:0']\ncongestion = 'cubic'")
	v.done("reload")
	st, err := v.state()
	must(t, err)
	if len(st.Listen) != 2 || st.Listen[0] != v.address {
		t.Fatalf("listening on %v, first on %s", st.Listen, v.address)
	}
	second := st.Listen[1]
	v.answers()
	v.configure("listen = ['[::1]:0']")
	v.done("reload")
	if st, err = v.state(); err != nil || len(st.Listen) != 1 || st.Listen[0] != second {
		t.Fatalf("listening on %v, %v; wanted %s", st.Listen, err, second)
	}
	if c, err := net.Dial("tcp", v.address); err == nil {
		c.Close()
		t.Error("the address that was taken out still answers")
	}
	v.address = second
	v.answers()
}

// sluiced drain ends the server as SIGTERM does.
func TestDrainCommand(t *testing.T) {
	v := startService(t, "")
	if r := v.tell("drain", "--wait"); r.code != 0 || !strings.Contains(r.stdout, "has ended") {
		t.Fatalf("drain: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	<-v.ended
	if code := v.command.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the drained server's exit code: %d", code)
	}
}
