package parent

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/control"
)

// drainWhenDone ends with SIGTERM.
func drainWhenDone() context.Context {
	ctx, cancel := signal.NotifyContext(context.Background(), unix.SIGTERM)
	_ = cancel // the process ends with it
	return ctx
}

// heirs makes a server's successor a process of this role.
func heirs(role, workers, check string) func(*Config) {
	return func(c *Config) {
		data := c.Data
		c.times.upgrade = time.Second
		c.Successor = func() *exec.Cmd {
			command := itself(role, "SLUICE_PARENT_DATA="+data, "SLUICE_PARENT_WORKERS="+workers, "SLUICE_PARENT_CHECK="+check)
			command.Stderr = os.Stderr
			return command
		}
	}
}

func TestUpgradeUndone(t *testing.T) {
	for _, row := range []struct {
		name, role, workers, check string
		text                       string
	}{
		{"the check refuses", "heir", "good", "11", "the schema would change"},
		{"its workers fail", "heir", "unready", "0", "exit status 7"},
		{"its workers are never ready", "heir", "mute", "0", "not ready within"},
		{"it does nothing", "startup-slow", "", "0", "not ready within"},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := start(t, 2, always("good"), true, heirs(row.role, row.workers, row.check))
			before := pids(h.status())
			descriptorsBefore := descriptors(t)
			_, err := h.ask(control.CommandUpgrade)
			var refused *control.RefusedError
			if !errors.As(err, &refused) || !strings.Contains(refused.Text, row.text) {
				t.Errorf("upgrade: %v", err)
			}
			if row.check == "11" && refused.Code != 1 { // as the successor's Config.Code says
				t.Errorf("code %d", refused.Code)
			}
			st := h.status()
			if st.State != "ready" || st.Successor != 0 || len(st.Workers) != 2 {
				t.Errorf("status: %+v", st)
			}
			for pid := range pids(st) {
				if !before[pid] {
					t.Errorf("worker %d is new", pid)
				}
			}
			for range 4 {
				h.dial().conn.Close()
			}
			for end := time.Now().Add(5 * time.Second); descriptors(t) > descriptorsBefore; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%d descriptors before, %d after", descriptorsBefore, descriptors(t))
				}
			}
		})
	}
}

// The server before ends well when its workers have, and the one after has folder, sockets and control socket.
func TestUpgrade(t *testing.T) {
	h := start(t, 2, always("good"), true, heirs("heir", "good", "0"))
	c := h.dial()
	answer, err := h.ask(control.CommandUpgrade)
	if err != nil || !strings.Contains(answer.Text, "has taken over") {
		t.Fatalf("upgrade: %+v, %v", answer, err)
	}
	if err := h.end(); err != nil {
		t.Errorf("the server before ended with %v", err)
	}
	if _, err := c.reader.ReadByte(); err == nil {
		t.Error("a connection of the server before lives on")
	}
	st := h.until("the new one", func(st *control.Status) bool { return st.State == "ready" && len(st.Predecessors) == 0 })
	if st.Pid == os.Getpid() || st.Listen[0] != h.listen[0] || len(st.Workers) != 2 {
		t.Errorf("status: %+v", st)
	}
	h.dial()
	stop(t, st.Pid)
}

// While a successor comes up no reload begins and no other upgrade; a stop ends both.
func TestStopDuringUpgrade(t *testing.T) {
	h := start(t, 2, always("good"), true, reloadable(func(*Config) {}), heirs("heir", "mute", "0"), func(c *Config) { c.times.upgrade = time.Minute })
	answer := make(chan error, 1)
	go func() {
		_, err := h.ask(control.CommandUpgrade)
		answer <- err
	}()
	st := h.until("a successor", func(st *control.Status) bool { return st.Successor != 0 })
	if st.State != "upgrading" {
		t.Errorf("status: %+v", st)
	}
	for _, command := range []string{control.CommandReload, control.CommandUpgrade} {
		if _, err := h.ask(command); err == nil || !strings.Contains(err.Error(), "upgrading") {
			t.Errorf("%s meanwhile: %v", command, err)
		}
	}
	h.dial()
	h.drain()
	if err := <-answer; err == nil || !strings.Contains(err.Error(), "stops") {
		t.Errorf("the upgrade was answered with %v", err)
	}
	if err := h.end(); err != nil {
		t.Errorf("drain: %v", err)
	}
	gone(t, st.Successor)
}

// stop ends a server that is not this process's child.
func stop(t *testing.T, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGTERM); err != nil {
		t.Error(err)
	}
	gone(t, pid)
}

// gone waits for a process to end; a zombie, which this one must reap, has.
func gone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); unix.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("process %d is still there", pid)
			return
		}
	}
}
