package parent

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"sluice/internal/control"
)

// harness is a server of fake workers in this process.
type harness struct {
	t      *testing.T
	data   string
	listen []string
	drain  context.CancelFunc
	kill   chan struct{}
	done   chan error
	log    *lockedBuffer
}

type lockedBuffer struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.String()
}

// itself is a command that runs the test binary in a role.
func itself(role string, environment ...string) *exec.Cmd {
	command := exec.Command("/proc/self/exe", "-test.run=none")
	// The race detector would make each child wait a second at its end.
	command.Env = append(os.Environ(), append(environment, roleVariable+"="+role, "GORACE=atexit_sleep_ms=0")...)
	return command
}

// testConfig is a server of n fake workers, each with the role that role says.
func testConfig(data string, n int, log io.Writer, role func(slot int) string) Config {
	logger := logrus.New()
	logger.SetOutput(log)
	logger.SetLevel(logrus.DebugLevel)
	return Config{
		Listen: []string{"127.0.0.1:0"}, Data: data, Workers: n, Version: "test", Log: logger,
		DrainLimit: 500 * time.Millisecond,
		Command: func(slot int) *exec.Cmd {
			return itself(role(slot), "SLUICE_PARENT_SLOT="+strconv.Itoa(slot), "SLUICE_PARENT_MARK="+filepath.Join(data, "mark"))
		},
		StartUp: func() *exec.Cmd { return itself("startup") },
		times:   times{lock: 5 * time.Second, beat: 600 * time.Millisecond, start: 10 * time.Second, gone: 300 * time.Millisecond},
	}
}

func always(role string) func(int) string { return func(int) string { return role } }

// start runs a server; wait says whether it becomes ready.
func start(t *testing.T, n int, role func(int) string, wait bool, change ...func(*Config)) *harness {
	t.Helper()
	h := &harness{t: t, data: filepath.Join(t.TempDir(), "data"), kill: make(chan struct{}), done: make(chan error, 1), log: new(lockedBuffer)}
	config := testConfig(h.data, n, h.log, role)
	ready := make(chan []string, 1)
	config.Ready = func(listen []string) { ready <- listen }
	config.Kill = h.kill
	for _, f := range change {
		f(&config)
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.drain = cancel
	go func() { h.done <- Run(ctx, config) }()
	t.Cleanup(func() {
		cancel()
		h.end()
		if t.Failed() {
			t.Log(h.log.String())
		}
	})
	if !wait {
		return h
	}
	select {
	case h.listen = <-ready:
	case err := <-h.done:
		h.done <- err
		t.Fatalf("ended at its start: %v\n%s", err, h.log)
	case <-time.After(10 * time.Second):
		t.Fatalf("not ready:\n%s", h.log)
	}
	return h
}

// end waits for Run and returns what it returned.
func (h *harness) end() error {
	select {
	case err := <-h.done:
		h.done <- err
		return err
	case <-time.After(15 * time.Second):
		h.t.Errorf("Run does not return")
		return nil
	}
}

func (h *harness) status() *control.Status {
	h.t.Helper()
	answer, err := control.Ask(filepath.Join(h.data, ControlName), control.Request{Command: control.CommandStatus})
	if err != nil {
		h.t.Fatal(err)
	}
	return answer.Status
}

// until waits for the status to be as wanted.
func (h *harness) until(what string, good func(*control.Status) bool) *control.Status {
	h.t.Helper()
	for end := time.Now().Add(8 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		st := h.status()
		if good(st) {
			return st
		}
		if time.Now().After(end) {
			h.t.Fatalf("not reached: %s\n%+v\n%s", what, st, h.log)
		}
	}
}

// client is a connection that was greeted.
type client struct {
	t      *testing.T
	conn   net.Conn
	reader *bufio.Reader
	slot   int
	pid    int
	number uint64
	rest   string
}

func dialTo(t *testing.T, address string) *client {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{t: t, conn: conn, reader: bufio.NewReader(conn)}
}

// greeted waits for the greeting; false: the server has closed the connection.
func (c *client) greeted() bool {
	c.t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	line, err := c.reader.ReadString('\n')
	if err == io.EOF || isReset(err) {
		return false
	}
	if err != nil {
		c.t.Fatalf("no greeting: %v", err)
	}
	if _, err := fmt.Sscan(line, &c.slot, &c.pid, &c.number); err != nil {
		c.t.Fatalf("greeting %q: %v", line, err)
	}
	c.rest = line
	return true
}

func isReset(err error) bool { return err != nil && strings.Contains(err.Error(), "reset") }

// dial connects and wants to be greeted.
func (h *harness) dial() *client {
	h.t.Helper()
	c := dialTo(h.t, h.listen[0])
	if !c.greeted() {
		h.t.Fatalf("refused\n%s", h.log)
	}
	return c
}

// say sends a command byte to the fake worker and waits for its echo, if there will be one.
func (c *client) say(command byte, echo bool) {
	c.t.Helper()
	if _, err := c.conn.Write([]byte{command}); err != nil {
		c.t.Fatal(err)
	}
	if !echo {
		return
	}
	if _, err := c.reader.ReadByte(); err != nil {
		c.t.Fatalf("no echo of %c: %v", command, err)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}
