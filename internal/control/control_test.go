package control

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sluice/internal/ask"
)

func answer(r Request) Response {
	if r.Command != CommandStatus {
		return Response{Error: "unknown command " + r.Command}
	}
	return Response{Status: &Status{Version: "test", Workers: []WorkerStatus{{Slot: 1}}}}
}

func TestAsk(t *testing.T) {
	for name, folder := range map[string]string{"short": "d", "longer than a socket address": strings.Repeat("d", 120)} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), folder)
			path := filepath.Join(dir, "control.sock")
			if _, err := Ask(path, Request{Command: CommandStatus}); !errors.Is(err, ErrNotRunning) {
				t.Fatalf("without a folder: %v", err)
			}
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			server, err := Serve(path, answer)
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			got, err := Ask(path, Request{Command: CommandStatus})
			if err != nil || got.Status.Workers[0].Slot != 1 {
				t.Errorf("status: %+v, %v", got, err)
			}
			if _, err := Ask(path, Request{Command: "nonsense"}); err == nil || !strings.Contains(err.Error(), "nonsense") {
				t.Errorf("unknown command: %v", err)
			}
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			if _, err := Ask(path, Request{Command: CommandStatus}); !errors.Is(err, ErrNotRunning) {
				t.Errorf("after close: %v", err)
			}
		})
	}
}

func TestServeReplacesADeadSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	if _, err := Ask(path, Request{Command: CommandStatus}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("dead socket: %v", err)
	}
	server, err := Serve(path, answer)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if _, err := Ask(path, Request{Command: CommandStatus}); err != nil {
		t.Error(err)
	}
}

func TestBadQuestions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	server, err := Serve(path, answer)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for name, line := range map[string]string{
		"no JSON":          "hello\n",
		"no end of line":   `{"command":"status"}`,
		"nothing":          "",
		"far too long":     strings.Repeat("x", ask.MaxQuestion+1),
		"an array":         "[]\n",
		"command a number": `{"command":1}` + "\n",
	} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			io.WriteString(conn, line)
			conn.(*net.UnixConn).CloseWrite()
		}()
		got, _ := io.ReadAll(conn)
		conn.Close()
		// Unread bytes reset the connection, so a peer that sends too much may get nothing.
		if !strings.Contains(string(got), `"error"`) && name != "far too long" {
			t.Errorf("%s: answered %q", name, got)
		}
	}
	if _, err := Ask(path, Request{Command: CommandStatus}); err != nil {
		t.Errorf("and the server still answers: %v", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	server, err := Serve(path, answer)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			if _, err := Ask(path, Request{Command: CommandStatus}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
