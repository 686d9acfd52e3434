package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"sluice/internal/proto"
)

// service is a server as its administrator sees it: a program of its own copy, a configuration file, commands. The process
// changes with upgrades.
type service struct {
	server
	program, config string
}

// startService runs a copy of sluiced with a configuration file of these lines, as more says beside it.
func startService(t *testing.T, lines string, more ...func(*exec.Cmd)) *service {
	t.Helper()
	v := unstarted(t, lines)
	log := filepath.Join(filepath.Dir(v.data), "log") // a file: a successor writes to it as well
	file, err := os.Create(log)
	must(t, err)
	defer file.Close()
	v.command = exec.Command(v.program, "serve", "--config", v.config)
	v.command.Stdout, v.command.Stderr = file, file
	for _, f := range more {
		f(v.command)
	}
	must(t, v.command.Start())
	go func() { v.command.Wait(); close(v.ended) }()
	t.Cleanup(func() {
		v.end()
		if t.Failed() {
			text, _ := os.ReadFile(log)
			t.Logf("server log:\n%s", tail(string(text), 6000))
		}
	})
	v.address = v.await("ready", func(st *serviceStatus) bool { return st.State == "ready" }).Listen[0]
	return v
}

// install puts the built program where the service is started from, as a package does: a new file under the old name.
func (v *service) install() {
	v.t.Helper()
	b, err := os.ReadFile(filepath.Join(programs, "sluiced"))
	must(v.t, err)
	v.installText(string(b))
}

func (v *service) installText(text string) {
	v.t.Helper()
	must(v.t, os.WriteFile(v.program+".new", []byte(text), 0o755))
	must(v.t, os.Rename(v.program+".new", v.program))
}

// configure writes the configuration file: the lines and what every test needs.
func (v *service) configure(lines string) {
	v.t.Helper()
	text := "data = '" + v.data + "'\n" + lines + "\n"
	if !bytes.Contains([]byte(lines), []byte("listen")) {
		text += "listen = ['127.0.0.1:0']\n"
	}
	if !bytes.Contains([]byte(lines), []byte("workers")) {
		text += "workers = 2\n"
	}
	must(v.t, os.WriteFile(v.config, []byte(text), 0o644))
}

// tell gives the running server a command; the program of the tests speaks, whatever is installed.
func (v *service) tell(command string, more ...string) result {
	v.t.Helper()
	return sluiced(v.t, append([]string{command, "--config", v.config}, more...)...)
}

// sluiced runs the built program with a command that ends by itself.
func sluiced(t *testing.T, args ...string) result {
	t.Helper()
	c := exec.Command(filepath.Join(programs, "sluiced"), args...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), c.ProcessState.ExitCode()}
}

// done is tell for what must be done.
func (v *service) done(command string) {
	v.t.Helper()
	if r := v.tell(command); r.code != 0 {
		v.t.Fatalf("sluiced %s: exit code %d\n%s", command, r.code, r.stderr)
	}
}

// serviceStatus is what status says beyond what all tests look at.
type serviceStatus struct {
	Pid          int      `json:"pid"`
	State        string   `json:"state"`
	Listen       []string `json:"listen"`
	Generation   int      `json:"generation"`
	Successor    int      `json:"successor"`
	Predecessors []int    `json:"predecessors"`
	Connections  int      `json:"connections"`
	Workers      []struct {
		Slot        int    `json:"slot"`
		Pid         int    `json:"pid"`
		Parent      int    `json:"parent"`
		State       string `json:"state"`
		Connections int    `json:"connections"`
	} `json:"workers"`
}

func (v *service) state() (*serviceStatus, error) {
	out, err := exec.Command(filepath.Join(programs, "sluiced"), "status", "--json", "--data", v.data).Output()
	if err != nil {
		return nil, err
	}
	st := new(serviceStatus)
	return st, json.Unmarshal(out, st)
}

// await waits for a status.
func (v *service) await(what string, good func(*serviceStatus) bool) *serviceStatus {
	v.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		st, err := v.state()
		if err == nil && good(st) {
			return st
		}
		if time.Now().After(deadline) {
			v.t.Fatalf("not reached: %s: %+v, %v", what, st, err)
		}
	}
}

// processes are all with the data folder's lock open: servers and workers.
func (v *service) processes() (pids []int) {
	lock := filepath.Join(v.data, "server.lock")
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to == lock {
			pid := 0
			for _, c := range link[len("/proc/"):] {
				if c < '0' || c > '9' {
					break
				}
				pid = pid*10 + int(c-'0')
			}
			if !slices.Contains(pids, pid) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// end kills whatever is left and waits for it to be gone.
func (v *service) end() {
	pids := v.processes()
	for _, pid := range pids {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	<-v.ended
	v.waitGone(pids, 10*time.Second)
}

// upload stores b and answers its hash.
func (v *service) upload(b []byte) proto.Hash {
	v.t.Helper()
	m := newMachine(v.t, &v.server, "ann")
	path := filepath.Join(m.dir, "upload")
	must(v.t, os.WriteFile(path, b, 0o644))
	m.must("put", path, "home:upload")
	return blake3(b)
}
