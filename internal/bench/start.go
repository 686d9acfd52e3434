package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// patience bounds what is started: a run that takes longer is broken, not slow.
const patience = 5 * time.Minute

// server is a process that serves until it is stopped.
type server struct {
	name    string
	command *exec.Cmd
	stdin   io.WriteCloser
	stderr  *bytes.Buffer
	ended   chan struct{}
	address string
}

// start starts a server. Its standard input stays open until stop.
func start(name string, command *exec.Cmd) (*server, error) {
	s := &server{name: name, command: command, stderr: new(bytes.Buffer), ended: make(chan struct{})}
	command.Stderr = s.stderr
	// A harness that is killed takes its servers with it.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	s.stdin = stdin
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = command.Wait()
		close(s.ended)
	}()
	return s, nil
}

func (s *server) pid() int { return s.command.Process.Pid }

// stop asks the server to end and waits; one that does not is killed.
func (s *server) stop() {
	if s == nil {
		return
	}
	s.stdin.Close()
	_ = s.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(10 * time.Second):
		_ = s.command.Process.Kill()
		<-s.ended
	}
}

// answers waits until ask succeeds.
func (s *server) answers(ask func() error) error {
	var err error
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = ask(); err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("%s has ended: %s", s.name, s.stderr)
		default:
		}
	}
	return fmt.Errorf("%s does not answer: %w: %s", s.name, err, s.stderr)
}

// quiet waits until the server has no processes left that serve one connection alone, so that their CPU time is counted.
func (s *server) quiet() {
	for range 100 {
		if children(s.pid()) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// startFloor starts one of programs as a server.
func startFloor(name string, j job) (*server, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.Command(path, name)
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s, err := start(name, command)
	if err != nil {
		return nil, err
	}
	var a answer
	err = errors.Join(json.NewEncoder(s.stdin).Encode(j), json.NewDecoder(stdout).Decode(&a))
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("%s: %w: %s", name, err, s.stderr)
	}
	s.address = a.Address
	return s, nil
}

// errand is a command that is run to its end.
type errand struct {
	name      string
	arguments []string
	env       []string
	stdin     []byte
	nice      bool // it runs at nice 10
	hold      bool // standard input stays open until the command ends
}

// outcome of an errand.
type outcome struct {
	stdout string
	wall   time.Duration
	cpu    time.Duration // with the children it waited for
}

func (e errand) run(ctx context.Context) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	name, arguments := e.name, e.arguments
	if e.nice { // by a program of its own: in Linux threads are nice, not processes, and a Go program has started some already
		name, arguments = "nice", append([]string{"-n", "10", name}, arguments...)
	}
	command := exec.CommandContext(ctx, name, arguments...)
	var stdin io.WriteCloser
	command.Cancel = func() error {
		stdin.Close() // ends a program of ours, which may not hear signals
		return command.Process.Signal(syscall.SIGTERM)
	}
	command.WaitDelay = 5 * time.Second
	command.Env = append(os.Environ(), e.env...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	var err error
	if stdin, err = command.StdinPipe(); err != nil {
		return outcome{}, err
	}
	begin := time.Now()
	if err := command.Start(); err != nil {
		return outcome{}, err
	}
	go func() {
		_, _ = stdin.Write(e.stdin)
		if !e.hold {
			stdin.Close() // else Wait closes it
		}
	}()
	err = command.Wait()
	o := outcome{
		stdout: stdout.String(), wall: time.Since(begin),
		cpu: command.ProcessState.UserTime() + command.ProcessState.SystemTime(),
	}
	if err != nil {
		text := strings.TrimSpace(stderr.String())
		err = fmt.Errorf("%s %s: %w: %s", e.name, strings.Join(e.arguments, " "), errors.Join(err, ctx.Err()), text)
	}
	return o, err
}

// runSelf runs one of programs as a process of its own.
func runSelf(ctx context.Context, program string, j job) (answer, outcome, error) {
	return runProgramOf(ctx, errand{arguments: []string{program}}, j)
}

// runNicely is runSelf for what loads the machine beside a measurement.
func runNicely(ctx context.Context, program string, j job) error {
	_, _, err := runProgramOf(ctx, errand{arguments: []string{program}, nice: true}, j)
	return err
}

func runProgramOf(ctx context.Context, e errand, j job) (answer, outcome, error) {
	var a answer
	path, err := os.Executable()
	if err != nil {
		return a, outcome{}, err
	}
	b, err := json.Marshal(j)
	if err != nil {
		return a, outcome{}, err
	}
	e.name, e.stdin, e.hold = path, append(b, '\n'), true
	o, err := e.run(ctx)
	if err == nil {
		err = json.Unmarshal([]byte(o.stdout), &a)
	}
	return a, o, err
}
