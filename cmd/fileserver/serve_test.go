package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/control"
)

// lockedBuffer is written by the server and read by the test.
type lockedBuffer struct {
	mutex sync.Mutex
	b     bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.b.String()
}

// serveHere runs a server in this process until the test ends.
func serveHere(t *testing.T, data string, more ...string) (st control.Status, log *lockedBuffer, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	log = new(lockedBuffer)
	code := make(chan int, 1)
	args := append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--workers", "2"}, more...)
	go func() { code <- Run(ctx, args, strings.NewReader(""), log, log) }()
	stop = sync.OnceValue(func() int {
		cancel()
		return <-code
	})
	t.Cleanup(func() { stop() })
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if r := call("", "status", "--json", "--data", data); r.code == 0 {
			if err := json.Unmarshal([]byte(r.out), &st); err != nil {
				t.Fatal(err)
			}
			if st.State == "ready" {
				return st, log, stop
			}
		}
		if time.Now().After(end) {
			t.Fatalf("not ready:\n%s", log)
		}
	}
}

func TestServe(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	st, log, stop := serveHere(t, data)
	if len(st.Workers) != 2 || len(st.Listen) != 1 || st.Plain {
		t.Errorf("status: %+v", st)
	}
	for _, want := range []string{"sluiced user add NAME --data", "ready, listening on sluice+plain://" + st.Listen[0]} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q is not in the log:\n%s", want, log)
		}
	}
	for _, w := range st.Workers {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", w.Pid))
		if err != nil || string(name) != "sluiced\n" {
			t.Errorf("worker %d is called %q, %v", w.Pid, name, err)
		}
		environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", w.Pid))
		if err != nil || !bytes.Contains(environment, []byte("GOMEMLIMIT=")) || !bytes.Contains(environment, []byte("GOMAXPROCS=")) {
			t.Errorf("environment of worker %d: %q, %v", w.Pid, environment, err)
		}
	}
	conn, err := net.Dial("tcp", st.Listen[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	// Accounts can be changed beside it, and its workers are told.
	before := st.Changes
	call("secret", "user", "add", "ann", "--password-stdin", "--data", data).want(t, 0, "added")
	r := call("", "status", "--json", "--data", data)
	if err := json.Unmarshal([]byte(r.out), &st); err != nil || st.Changes <= before {
		t.Errorf("changes %d, then %d (%v)", before, st.Changes, err)
	}
	call("", "status", "--data", data).want(t, 0, "ready")

	conn.Close()
	if code := stop(); code != 0 {
		t.Errorf("drained with code %d\n%s", code, log)
	}
	call("", "status", "--data", data).want(t, 3, "sluiced serve")
}

func TestServeRefusals(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	call("", "serve", "--data", data, "--listen", "0.0.0.0:0").want(t, 2, `plain = "allow"`)
	call("", "serve", "--data", data, "--listen", "nonsense").want(t, 2, "HOST:PORT")
	call("", "serve", "--data", data, "--listen", taken.Addr().String()).want(t, 5, "another program listens there")
	call("", "serve", "--data", data, "--listen", "127.0.0.1:0", "--congestion", "none-such").want(t, 2, "this kernel offers")
	_, log, stop := serveHere(t, data, "--listen", "0.0.0.0:0", "--plain", "allow")
	stop()
	if !strings.Contains(log.String(), "level=warning") {
		t.Errorf("no warning about plain TCP:\n%s", log)
	}
}

func TestDamagedDatabase(t *testing.T) {
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, databaseName), bytes.Repeat([]byte("junk"), 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	r := call("", "serve", "--data", data, "--listen", "127.0.0.1:0")
	r.want(t, codeIntegrity, "sluiced: ")
	if strings.Contains(r.errors, "sluiced: sluiced:") || strings.Count(r.errors, "\n") > 2 {
		t.Errorf("text: %s", r.errors)
	}
}
