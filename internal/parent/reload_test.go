package parent

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/internal/control"
	"sluice/internal/stats"
)

// ask gives the server a command.
func (h *harness) ask(command string) (control.Response, error) {
	h.t.Helper()
	return control.AskWithin(h.data+"/"+ControlName, control.Request{Command: command}, 20*time.Second)
}

// reloadable is a change of configuration that a reload makes.
func reloadable(change func(*Config)) func(*Config) {
	return func(c *Config) {
		before := *c
		c.Reload = func() (Config, error) {
			next := before
			change(&next)
			return next, nil
		}
	}
}

// fakes makes the command of fake workers whose role depends on the slot.
func fakes(role func(slot int) string) func(int) *exec.Cmd {
	return func(slot int) *exec.Cmd { return itself(role(slot), "SLUICE_PARENT_SLOT="+strconv.Itoa(slot)) }
}

func pids(st *control.Status) map[int64]bool {
	all := make(map[int64]bool)
	for _, w := range st.Workers {
		all[w.Pid] = true
	}
	return all
}

func TestReloadReplacesAll(t *testing.T) {
	adopted := make(chan struct{}, 1)
	h := start(t, 2, always("good"), true, reloadable(func(c *Config) {
		c.Workers = 3
		c.Adopted = func() { adopted <- struct{}{} }
	}))
	before := pids(h.status())
	c := h.dial()
	if answer, err := h.ask(control.CommandReload); err != nil || !strings.Contains(answer.Text, "3 workers") {
		t.Fatalf("reload: %+v, %v", answer, err)
	}
	<-adopted
	st := h.until("three new ones", func(st *control.Status) bool { return allReady(st) && len(st.Workers) == 3 })
	for pid := range pids(st) {
		if before[pid] {
			t.Errorf("worker %d was not replaced", pid)
		}
	}
	if st.Generation != 1 || st.State != "ready" || st.Listen[0] != h.listen[0] || st.Deaths != 0 {
		t.Errorf("status: %+v", st)
	}
	if _, err := c.reader.ReadByte(); err == nil {
		t.Error("a connection of a replaced worker lives on")
	}
	for range 6 {
		h.dial()
	}
}

// A new configuration whose first worker does not come up is refused, and nothing has changed.
func TestReloadFirstWorkerFails(t *testing.T) {
	for _, row := range []struct{ role, text string }{
		{"unready", "exit status 7"},
		{"mute", "killed"},
	} {
		t.Run(row.role, func(t *testing.T) {
			var more string
			h := start(t, 2, always("good"), true, func(c *Config) {
				c.times.start = 500 * time.Millisecond
				reloadable(func(c *Config) {
					c.Command = fakes(always(row.role))
					l, err := net.Listen("tcp", "127.0.0.1:0")
					if err != nil {
						t.Error(err)
						return
					}
					more = l.Addr().String()
					l.Close()
					c.Listen = append([]string{more}, c.Listen...)
				})(c)
			})
			before := pids(h.status())
			descriptorsBefore := descriptors(t)
			_, err := h.ask(control.CommandReload)
			if err == nil || !strings.Contains(err.Error(), row.text) {
				t.Errorf("reload: %v", err)
			}
			st := h.until("ready", func(st *control.Status) bool { return st.State == "ready" && len(st.Workers) == 2 })
			for pid := range pids(st) {
				if !before[pid] {
					t.Errorf("worker %d is new", pid)
				}
			}
			if st.Generation != 0 || len(st.Listen) != 1 {
				t.Errorf("status: %+v", st)
			}
			if c, err := net.Dial("tcp", more); err == nil {
				c.Close()
				t.Error("an address of the refused configuration answers")
			}
			h.dial().conn.Close()
			for end := time.Now().Add(5 * time.Second); descriptors(t) > descriptorsBefore; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%d descriptors before, %d after", descriptorsBefore, descriptors(t))
				}
			}
		})
	}
}

// Where later workers fail the old ones go on, and who asked is told.
func TestReloadLaterWorkerFails(t *testing.T) {
	h := start(t, 2, always("good"), true, reloadable(func(c *Config) {
		c.Command = fakes(func(slot int) string {
			if slot == 2 { // the first that is started: 0 and 1 are taken
				return "good"
			}
			return "unready"
		})
	}))
	_, err := h.ask(control.CommandReload)
	if err == nil || !strings.Contains(err.Error(), "old workers go on") {
		t.Errorf("reload: %v", err)
	}
	st := h.status()
	if st.Generation != 1 || st.State != "reloading" {
		t.Errorf("status: %+v", st)
	}
	slots := map[int]bool{}
	for range 4 {
		slots[h.dial().slot] = true
	}
	if len(slots) != 2 {
		t.Errorf("connections went to %v, wanted an old and a new worker", slots)
	}
}

// A replaced worker that does not end is killed when its time is over.
func TestRetireLimitKills(t *testing.T) {
	h := start(t, 1, always("stubborn"), true, reloadable(func(c *Config) {
		c.RetireLimit = 300 * time.Millisecond
		c.Command = fakes(always("good"))
	}))
	old := h.status().Workers[0].Pid
	if _, err := h.ask(control.CommandReload); err != nil {
		t.Fatal(err)
	}
	shown := false
	for _, w := range h.status().Workers {
		shown = shown || w.Pid == old && w.State == stats.Draining.String()
	}
	if !shown {
		t.Error("the old worker is not shown as draining")
	}
	h.until("the old one gone", func(st *control.Status) bool { return len(st.Workers) == 1 && st.Workers[0].Pid != old })
	if st := h.status(); st.Deaths != 0 {
		t.Errorf("a replaced worker's end was counted as a death: %+v", st)
	}
}

// Reloads that are asked for while one runs are one more when it is over.
func TestReloadsAtOnceAreAnswered(t *testing.T) {
	h := start(t, 2, always("good"), true, reloadable(func(*Config) {}))
	answers := make(chan error, 8)
	for range cap(answers) {
		go func() {
			_, err := h.ask(control.CommandReload)
			answers <- err
		}()
	}
	for range cap(answers) {
		if err := <-answers; err != nil {
			t.Errorf("reload: %v", err)
		}
	}
	st := h.until("ready", func(st *control.Status) bool { return st.State == "ready" && len(st.Workers) == 2 })
	if st.Generation < 2 || st.Generation > 8 {
		t.Errorf("%d reloads for 8 that were asked for", st.Generation)
	}
}

func TestDrainDuringReload(t *testing.T) {
	h := start(t, 2, always("good"), true, reloadable(func(c *Config) { c.Command = fakes(always("mute")) }))
	answer := make(chan error, 1)
	go func() {
		_, err := h.ask(control.CommandReload)
		answer <- err
	}()
	h.until("the first new worker", func(st *control.Status) bool { return len(st.Workers) == 3 })
	h.drain()
	if err := <-answer; err == nil || !strings.Contains(err.Error(), "stops") {
		t.Errorf("the reload was answered with %v", err)
	}
	if err := h.end(); err != nil {
		t.Errorf("drain: %v", err)
	}
}

func TestCannotBeReloaded(t *testing.T) {
	h := start(t, 1, always("good"), true)
	for _, command := range []string{control.CommandReload, control.CommandUpgrade} {
		var refused *control.RefusedError
		if _, err := h.ask(command); !errors.As(err, &refused) {
			t.Errorf("%s: %v", command, err)
		}
	}
	h.dial()
}

// A service manager that does not listen holds up nothing.
func TestDeafManager(t *testing.T) {
	block := make(chan struct{})
	defer close(block)
	h := start(t, 1, always("good"), true, func(c *Config) {
		c.Watchdog = 10 * time.Millisecond
		c.Notify = func(string) { <-block }
	})
	for range 20 {
		h.dial().conn.Close()
		time.Sleep(10 * time.Millisecond)
	}
	h.drain()
	if err := h.end(); err != nil {
		t.Errorf("drain: %v", err)
	}
}

// runAsHeir is a server that takes over from the test's; its workers have a role.
func runAsHeir() int {
	config := testConfig(os.Getenv("SLUICE_PARENT_DATA"), 2, os.Stderr, always(os.Getenv("SLUICE_PARENT_WORKERS")))
	config.Inherited = os.Getenv(UpgradeVariable)
	config.Check = func() *exec.Cmd {
		return itself("startup", "SLUICE_PARENT_CODE="+os.Getenv("SLUICE_PARENT_CHECK"), "SLUICE_PARENT_TEXT=the schema would change\n")
	}
	if err := Run(drainWhenDone(), config); err != nil {
		return 1
	}
	return 0
}
