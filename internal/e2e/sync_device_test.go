package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// device is a machine with a folder that is kept the same as one of the server, home:tree unless told otherwise.
type device struct {
	*machine
	name string // in the names of conflicts
	tree string
	path string // on the server
}

// newDevice makes a device that is logged in as user and has an empty folder.
func newDevice(t *testing.T, s *server, user, name string) *device {
	t.Helper()
	m := newMachine(t, s, user)
	d := &device{machine: m, name: name, tree: filepath.Join(m.dir, "tree"), path: "home:tree"}
	must(t, os.Mkdir(d.tree, 0o755))
	return d
}

// args are those of a sync of the device's folder.
func (d *device) args(more ...string) []string {
	return append([]string{"sync", "--device", d.name, d.tree, d.path}, more...)
}

// sync syncs once and must end with code.
func (d *device) sync(code int, more ...string) result {
	d.t.Helper()
	return d.fails(code, d.args(more...)...)
}

// at is a path in the device's folder.
func (d *device) at(path string) string { return filepath.Join(d.tree, path) }

// put writes a file, with the folders on its way.
func (d *device) put(path, text string) {
	d.t.Helper()
	must(d.t, os.MkdirAll(filepath.Dir(d.at(path)), 0o755))
	must(d.t, os.WriteFile(d.at(path), []byte(text), 0o644))
}

// text is what a file of the device holds; a file that is not there fails the test.
func (d *device) text(path string) string {
	d.t.Helper()
	b, err := os.ReadFile(d.at(path))
	must(d.t, err)
	return string(b)
}

// has says whether there is something at a path.
func (d *device) has(path string) bool {
	_, err := os.Lstat(d.at(path))
	return err == nil
}

// revoke ends the device's log-in on the server, and the device does not know: a copy of it logs out.
func (d *device) revoke() {
	d.t.Helper()
	other := bareMachine(d.t)
	must(d.t, os.CopyFS(filepath.Join(other.dir, "config"), os.DirFS(filepath.Join(d.dir, "config"))))
	must(d.t, os.Chmod(filepath.Join(other.dir, "config/sluice/remotes.toml"), 0o600))
	other.must("logout", "home")
}

// report is what `status --json` tells of one folder: only what tests look at.
type report struct {
	State     string
	Journal   int64
	Synced    int64
	Scanned   time.Time
	Names     int64
	Waiting   int64
	Why       string
	Next      time.Time
	Pid       int
	Watched   int
	Conflicts []struct{ Path, Other string }
	Problems  []struct {
		Path, Reason string
		Skipped      bool
	}
	Unwatched []struct{ Path, Reason string }
}

// report asks for the status of the device's folder.
func (d *device) report() report {
	d.t.Helper()
	var all struct{ Roots []report }
	must(d.t, json.Unmarshal([]byte(d.must("status", "--json", d.tree)), &all))
	if len(all.Roots) != 1 {
		d.t.Fatalf("status tells of %d folders, want 1", len(all.Roots))
	}
	return all.Roots[0]
}

// contents tells everything of a tree that a sync keeps: all but the times of folders.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := picture(t, dir)
	for path, line := range all {
		if strings.HasPrefix(line, fs.ModeDir.String()[:1]) {
			all[path], _, _ = strings.Cut(line, " ")
		}
	}
	return all
}

// differences tells how two trees differ in what a sync keeps.
func differences(t *testing.T, a, b string) (list []string) {
	t.Helper()
	one, two := contents(t, a), contents(t, b)
	for path, line := range one {
		if other := two[path]; other != line {
			list = append(list, path+": "+line+" and "+other)
		}
	}
	for path, line := range two {
		if _, found := one[path]; !found {
			list = append(list, path+": nothing and "+line)
		}
	}
	return list
}

// alike fails the test unless the trees of all devices are the same.
func alike(t *testing.T, devices ...*device) {
	t.Helper()
	for _, d := range devices[1:] {
		list := differences(t, devices[0].tree, d.tree)
		if len(list) > 0 {
			t.Fatalf("%s and %s differ in %d names:\n%s", devices[0].name, d.name, len(list), strings.Join(list[:min(len(list), 10)], "\n"))
		}
	}
}

// watcher is a running `sync --watch`.
type watcher struct {
	*device
	command *exec.Cmd
	log     *logBuffer
	ended   chan struct{}
}

// watch starts a watcher, and waits until it can be asked.
func (d *device) watch(more ...string) *watcher {
	d.t.Helper()
	w := d.launch(d.command(d.args(append(more, "--watch")...)...))
	within(d.t, 30*time.Second, "the watcher can be asked", func() bool {
		select {
		case <-w.ended:
			d.t.Fatalf("the watcher ended with %d at its start:\n%s", w.code(), w.log)
		default:
		}
		r := d.run("status", "--json", d.tree) // which does not know the folder at first
		return r.code == 0 && strings.Contains(r.stdout, fmt.Sprintf(`"pid":%d`, w.command.Process.Pid))
	})
	return w
}

// launch starts a watcher by a command.
func (d *device) launch(c *exec.Cmd) *watcher {
	d.t.Helper()
	w := &watcher{device: d, command: c, log: &logBuffer{}, ended: make(chan struct{})}
	c.Stdout, c.Stderr = w.log, w.log
	must(d.t, c.Start())
	go func() { c.Wait(); close(w.ended) }()
	d.t.Cleanup(func() {
		w.kill()
		if d.t.Failed() {
			d.t.Logf("%s said:\n%s", d.name, tail(w.log.String(), 3000))
		}
	})
	return w
}

// code is what a watcher that has ended ended with.
func (w *watcher) code() int { return w.command.ProcessState.ExitCode() }

// kill ends the watcher with SIGKILL, if it still runs.
func (w *watcher) kill() {
	w.command.Process.Kill()
	<-w.ended
}

// ends waits until the watcher has ended and tells its exit code.
func (w *watcher) ends(limit time.Duration) int {
	w.t.Helper()
	select {
	case <-w.ended:
	case <-time.After(limit):
		w.t.Fatalf("the watcher of %s did not end in %v:\n%s", w.name, limit, w.log)
	}
	return w.code()
}

// stop stops the watcher as a service manager does, and expects it to have had nothing to complain of.
func (w *watcher) stop() {
	w.t.Helper()
	must(w.t, w.command.Process.Signal(syscall.SIGTERM))
	if code := w.ends(20 * time.Second); code != 0 && code != 130 {
		w.t.Fatalf("the stopped watcher of %s ended with %d:\n%s", w.name, code, w.log)
	}
}

// synced waits until what is there now is on the server, and the other way round.
func (d *device) synced() {
	d.t.Helper()
	d.must("wait", "--synced", "--at-most", "2m", d.tree)
}

// within waits until something is so.
func within(t *testing.T, limit time.Duration, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}
