package torture

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/control"
)

// server is a sluiced on a data folder that is started, killed and started again at one address.
type server struct {
	*round
	program string
	data    string
	address string
	workers int
	args    []string                // more of serve's
	env     []string                // more of the environment
	launch  func(c *exec.Cmd) error // starts the command; nil: as it is
	log     *os.File                // owned by the round
	token   string                  // ann's device
	run     *running                // nil: it does not run
}

// running is one process of the parent.
type running struct {
	command *exec.Cmd
	ended   chan struct{} // closed when it has been reaped
}

const (
	password = "correct horse"
	// startLimit is ten times what a start takes on a quiet machine.
	startLimit = 30 * time.Second
)

// newServer prepares a server on data, with an account ann; nothing runs yet.
func (r *round) newServer(data string, workers int, args ...string) *server {
	r.Helper()
	s := &server{round: r, program: program(r.T, "real"), data: data, workers: workers, args: args, address: freeAddress(r)}
	var err error
	s.log, err = os.OpenFile(r.path("server.log"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	r.must(err)
	r.Cleanup(func() {
		s.killAll()
		if r.Failed() && !r.told { // the servers of a round have one log
			r.told = true
			r.Logf("the end of the server's log:\n%s", s.logTail(6000))
		}
		s.log.Close()
	})
	s.addUser("ann")
	return s
}

// freeAddress gives an address below the ports that outgoing connections take, so that it stays free between two starts.
func freeAddress(r *round) string {
	r.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+os.Getpid()%97*100+int(nextPort.Add(1)%100))
		l, err := net.Listen("tcp", address)
		if err == nil {
			l.Close()
			return address
		}
	}
	r.Fatal("no free port")
	return ""
}

// addUser adds an account; nothing of a server need run.
func (s *server) addUser(name string, more ...string) {
	s.Helper()
	c := exec.Command(s.program, append([]string{"user", "add", name, "--password-stdin", "--data", s.data}, more...)...)
	c.Stdin = strings.NewReader(password + "\n")
	c.Env = append(os.Environ(), s.env...)
	if out, err := c.CombinedOutput(); err != nil {
		s.Fatalf("user add: %v\n%s", err, out)
	}
}

// start starts the server and waits until it answers: how long that took.
func (s *server) start() time.Duration {
	s.Helper()
	took, err := s.tryStart()
	s.must(err)
	return took
}

func (s *server) tryStart() (time.Duration, error) {
	args := []string{"serve", "--data", s.data, "--workers", strconv.Itoa(s.workers), "--listen", s.address}
	c := exec.Command(s.program, append(args, s.args...)...)
	c.Stdout, c.Stderr = s.log, s.log
	c.Env = append(os.Environ(), s.env...)
	// Should the tests themselves be killed, nobody else would end it; orphaned workers leave by themselves.
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	launch := s.launch
	if launch == nil {
		launch = (*exec.Cmd).Start
	}
	began := time.Now()
	if err := launch(c); err != nil {
		return 0, err
	}
	run := &running{command: c, ended: make(chan struct{})}
	s.run = run
	go func() { c.Wait(); close(run.ended) }()
	for {
		if s.answers() == nil {
			return time.Since(began), nil
		}
		select {
		case <-run.ended:
			return 0, fmt.Errorf("the server ended at its start:\n%s", s.logTail(2000))
		default:
		}
		if time.Since(began) > startLimit {
			return 0, fmt.Errorf("the server did not answer within %v", startLimit)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// answers asks for a sign of life on one connection.
func (s *server) answers() error {
	w, err := s.tryDial()
	if err != nil {
		return err
	}
	defer w.Close()
	w.SetDeadline(time.Now().Add(startLimit))
	return w.tryPing()
}

// mustAnswer is the end of every test of a fault: all workers answer.
func (s *server) mustAnswer() {
	s.Helper()
	for range 4 * s.workers { // connections go to the least loaded: all are asked
		if err := s.answers(); err != nil {
			s.Fatalf("the server does not answer: %v", err)
		}
	}
}

// parent is the parent's process id; 0: it does not run.
func (s *server) parent() int {
	if s.run == nil {
		return 0
	}
	select {
	case <-s.run.ended:
		return 0
	default:
		return s.run.command.Process.Pid
	}
}

// status asks the control socket.
func (s *server) status() (*control.Status, error) {
	answer, err := control.Ask(filepath.Join(s.data, "control.sock"), control.Request{Command: control.CommandStatus})
	return answer.Status, err
}

// mustStatus is status, of a server that runs well.
func (s *server) mustStatus() *control.Status {
	s.Helper()
	st, err := s.status()
	s.must(err)
	return st
}

// ready waits until every worker takes connections.
func (s *server) ready() *control.Status {
	s.Helper()
	var st *control.Status
	s.within(startLimit, "all workers ready", func() bool {
		var err error
		st, err = s.status()
		return err == nil && len(st.Workers) == s.workers &&
			!slices.ContainsFunc(st.Workers, func(w control.WorkerStatus) bool { return w.State != "ready" })
	})
	return st
}

// within waits for something to become true.
func (r *round) within(limit time.Duration, what string, is func() bool) {
	r.Helper()
	for end := time.Now().Add(limit); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.Fatalf("%s: not within %v", what, limit)
		}
	}
}

// processes are all processes of servers on this data folder, found by their command line and environment: workers of a
// dead parent are nobody's children.
func (s *server) processes() []int {
	var all []int
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		line, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if !bytes.HasPrefix(line, []byte("sluiced")) && !bytes.HasPrefix(line, []byte(s.program)) {
			continue
		}
		if !bytes.Contains(line, []byte(s.data+"\x00")) {
			environment, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
			if !bytes.Contains(environment, []byte(strconv.Quote(s.data))) {
				continue
			}
		}
		if !zombie(pid) {
			all = append(all, pid)
		}
	}
	return all
}

func zombie(pid int) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	after := bytes.TrimSpace(raw[bytes.LastIndexByte(raw, ')')+1:])
	return bytes.HasPrefix(after, []byte("Z")) || bytes.HasPrefix(after, []byte("X"))
}

// killParent ends the parent alone, at once.
func (s *server) killParent() {
	if s.parent() != 0 {
		s.run.command.Process.Kill()
		<-s.run.ended
	}
	s.run = nil
}

// killAll ends everything on the data folder at once, and waits until it is gone.
func (s *server) killAll() {
	s.Helper()
	if pid := s.parent(); pid != 0 {
		unix.Kill(pid, unix.SIGKILL) // first, lest it starts workers anew
	}
	for end := time.Now().Add(startLimit); ; time.Sleep(time.Millisecond) {
		left := s.processes()
		for _, pid := range left {
			unix.Kill(pid, unix.SIGKILL)
		}
		if len(left) == 0 {
			break
		}
		if time.Now().After(end) {
			s.Errorf("processes %v cannot be killed", left)
			return
		}
	}
	s.killParent()
}

// stop drains the server, which must end well.
func (s *server) stop() {
	s.Helper()
	if s.parent() == 0 {
		s.Fatal("the server has ended already")
	}
	s.run.command.Process.Signal(unix.SIGTERM)
	select {
	case <-s.run.ended:
	case <-time.After(60 * time.Second):
		s.Fatal("the server did not drain")
	}
	if code := s.run.command.ProcessState.ExitCode(); code != 0 {
		s.Fatalf("drained server: exit code %d", code)
	}
	s.run = nil
}

// startUp runs the start-up child alone: what the next start would clean is cleaned, and nothing runs afterwards.
func (s *server) startUp() {
	s.Helper()
	c := exec.Command(s.program, "startup", "--data", s.data)
	c.Env = append(os.Environ(), s.env...)
	if out, err := c.CombinedOutput(); err != nil {
		s.Fatalf("start-up: %v\n%s", err, out)
	}
}

// login gives ann's device token; the server runs.
func (s *server) login() string {
	s.Helper()
	if s.token == "" {
		remote, err := client.Dial(context.Background(), client.Options{Address: s.url()})
		s.must(err)
		defer remote.Close()
		_, err = remote.Login(context.Background(), "ann", password, "torture")
		s.must(err)
		s.token = remote.Token()
	}
	return s.token
}

func (s *server) url() string { return "sluice+plain://" + s.address }

// dialRemote gives a client that is logged in.
func (s *server) dialRemote(o client.Options) *client.Remote {
	s.Helper()
	o.Address, o.Token, o.Agent = s.url(), s.login(), "torture"
	remote, err := client.Dial(context.Background(), o)
	s.must(err)
	s.Cleanup(func() { remote.Close() })
	return remote
}

// logTail is the end of what the server printed.
func (s *server) logTail(n int64) string {
	info, err := s.log.Stat()
	if err != nil {
		return err.Error()
	}
	b := make([]byte, min(n, info.Size()))
	s.log.ReadAt(b, info.Size()-int64(len(b)))
	return string(b)
}
