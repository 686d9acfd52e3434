package parent

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/control"
	"sluice/internal/stats"
)

func connections(n int64) func(*control.Status) bool {
	return func(st *control.Status) bool { return st.Connections == n }
}

func allReady(st *control.Status) bool {
	for _, w := range st.Workers {
		if w.State != stats.Ready.String() {
			return false
		}
	}
	return len(st.Workers) > 0
}

func TestHandOffToTheFreest(t *testing.T) {
	h := start(t, 3, always("good"), true)
	var held []*client
	count := map[int]int{}
	for range 9 {
		c := h.dial()
		held = append(held, c)
		count[c.slot]++
	}
	for slot := range 3 {
		if count[slot] != 3 {
			t.Errorf("worker %d has %d of 9 connections", slot, count[slot])
		}
	}
	// Two of one worker's end: it gets the next two.
	freed := held[0].slot
	for _, c := range held {
		if c.slot == freed {
			c.conn.Close()
		}
	}
	h.until("six connections", connections(6))
	for range 2 {
		if c := h.dial(); c.slot != freed {
			t.Errorf("given to worker %d, worker %d has fewer", c.slot, freed)
		}
	}
}

func TestShortConnectionsReachAll(t *testing.T) {
	h := start(t, 2, always("good"), true)
	last := -1
	for range 6 {
		c := h.dial()
		if c.slot == last {
			t.Errorf("two in a row for worker %d", last)
		}
		last = c.slot
		c.conn.Close()
		h.until("none", connections(0))
	}
}

func TestConnectionsComeNonBlocking(t *testing.T) {
	h := start(t, 1, always("good"), true)
	c := h.dial()
	want := fmt.Sprintf("from=%s nonblock=true options=[1 60000 1 60 15 4] nofile=true\n", c.conn.LocalAddr())
	if !strings.HasSuffix(c.rest, want) {
		t.Errorf("a worker sees: %s, want: %s", c.rest, want)
	}
}

func TestDeadWorkerIsReplaced(t *testing.T) {
	h := start(t, 2, always("good"), true)
	victim, other := h.dial(), h.dial()
	victim.say('d', false)
	if _, err := victim.reader.ReadByte(); !errors.Is(err, io.EOF) && !isReset(err) {
		t.Errorf("connection of the dead worker: %v", err)
	}
	st := h.until("another worker", func(st *control.Status) bool { return st.Deaths == 1 && allReady(st) })
	if w := st.Workers[victim.slot]; w.Restarts != 1 || int(w.Pid) == victim.pid || w.BackoffMs != 0 {
		t.Errorf("slot after a death: %+v", w)
	}
	if st.Connections != 1 || st.Unknown != 1 {
		t.Errorf("%d connections, %d unknown; want 1 and 1", st.Connections, st.Unknown)
	}
	other.say('k', true) // never noticed
	h.until("other logged in", func(st *control.Status) bool { return st.Unknown == 0 })
	if c := h.dial(); c.slot != victim.slot {
		t.Errorf("the new worker got no connection")
	}
}

func TestBackoff(t *testing.T) {
	for _, row := range []struct {
		failures int
		want     time.Duration
	}{{1, 0}, {2, 0}, {3, 50 * time.Millisecond}, {4, 100 * time.Millisecond}, {8, 1600 * time.Millisecond}, {9, 2 * time.Second}, {1 << 40, 2 * time.Second}} {
		if got := backoff(row.failures); got != row.want {
			t.Errorf("after %d deaths: %v, want %v", row.failures, got, row.want)
		}
	}
}

func TestDeathsBeforeReadyBackOff(t *testing.T) {
	h := start(t, 2, func(slot int) string { return []string{"good", "unready"}[slot] }, false)
	time.Sleep(20 * time.Millisecond)
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(h.data + "/" + ControlName); err == nil || time.Now().After(end) {
			break
		}
	}
	st := h.until("a wait of 100 ms", func(st *control.Status) bool { return st.BackoffMs >= 100 })
	if st.State != stats.Starting.String() {
		t.Errorf("state %q without all workers", st.State)
	}
	if st.Workers[1].State != stats.Waiting.String() && st.Workers[1].State != stats.Starting.String() {
		t.Errorf("slot: %+v", st.Workers[1])
	}
	if st.Deaths < 4 || st.Workers[0].Restarts != 0 {
		t.Errorf("deaths %d, the good worker restarted %d times", st.Deaths, st.Workers[0].Restarts)
	}
	// The good worker serves meanwhile.
	h.listen = st.Listen
	if c := h.dial(); c.slot != 0 {
		t.Errorf("served by %d", c.slot)
	}
	h.drain()
	if err := h.end(); err != nil {
		t.Errorf("drain: %v", err)
	}
}

func TestReadyEndsTheBackOff(t *testing.T) {
	h := start(t, 1, always("good unready-once"), true)
	st := h.status()
	if st.Deaths != 1 || st.BackoffMs != 0 || st.Workers[0].Restarts != 1 {
		t.Errorf("after one death before ready: %+v", st)
	}
}

func TestHungWorkerIsKilled(t *testing.T) {
	h := start(t, 2, always("good"), true)
	c := h.dial()
	c.say('h', true)
	st := h.until("a kill", func(st *control.Status) bool { return st.Workers[c.slot].Hung == 1 && allReady(st) })
	if st.Workers[1-c.slot].Restarts != 0 {
		t.Error("the other worker was restarted too")
	}
}

func TestBeatsWithoutTurnsAreNone(t *testing.T) {
	h := start(t, 1, always("frozen"), true)
	h.until("a kill", func(st *control.Status) bool { return st.Workers[0].Hung >= 1 })
}

func TestWorkerThatClosesItsHandOffIsKilled(t *testing.T) {
	h := start(t, 1, always("closed"), true)
	h.until("a death", func(st *control.Status) bool { return st.Deaths >= 1 && st.Workers[0].Hung == 0 })
}

func TestQueueFull(t *testing.T) {
	// A deaf worker fills up; what no longer fits goes to the good one, also though that
	// one has more connections.
	h := start(t, 2, func(slot int) string { return []string{"good", "deaf"}[slot] }, true,
		func(c *Config) { c.MaxUnknownPerAddress = 4000; c.times.beat = 20 * time.Second })
	var held []*client
	for range 1000 {
		held = append(held, dialTo(t, h.listen[0]))
	}
	st := h.until("all handed over", connections(1000))
	if st.HandoffFull == 0 {
		t.Error("the queue was never full")
	}
	greeted := 0
	for _, c := range held {
		if err := c.conn.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.reader.ReadByte(); err == nil {
			greeted++
		}
	}
	if greeted < 500 {
		t.Errorf("the good worker has %d connections", greeted)
	}
}

func TestNobodyHasRoom(t *testing.T) {
	// All deaf: connections wait in the backlog, the parent does not spin, and status answers.
	h := start(t, 1, always("deaf"), true, func(c *Config) { c.MaxUnknownPerAddress = 4000; c.times.beat = 20 * time.Second })
	for range 400 {
		dialTo(t, h.listen[0])
	}
	st := h.until("the queue full", func(st *control.Status) bool { return st.HandoffFull > 0 })
	before := cpu(t)
	time.Sleep(300 * time.Millisecond)
	if used := cpu(t) - before; used > 150*time.Millisecond {
		t.Errorf("used %v of CPU in 300 ms of waiting", used)
	}
	if again := h.status(); again.Connections != st.Connections || again.Connections > 399 {
		t.Errorf("%d connections handed over, then %d", st.Connections, again.Connections)
	}
}

func TestLimitPerAddress(t *testing.T) {
	h := start(t, 2, always("good"), true, func(c *Config) { c.MaxUnknownPerAddress = 3 })
	var held []*client
	for range 3 {
		held = append(held, h.dial())
	}
	if c := dialTo(t, h.listen[0]); c.greeted() {
		t.Error("a fourth connection was taken")
	}
	held[0].say('k', true)
	h.until("one logged in", func(st *control.Status) bool { return st.Unknown == 2 })
	held = append(held, h.dial()) // its place is free
	held[1].conn.Close()
	h.until("one gone", connections(3))
	h.dial()
	// A worker may greet before the parent has counted.
	if st := h.until("three unknown", func(st *control.Status) bool { return st.Unknown == 3 }); st.Refused != 1 {
		t.Errorf("refused %d, want 1", st.Refused)
	}
	_ = held
}

func TestLimitInTotal(t *testing.T) {
	h := start(t, 2, always("good"), true, func(c *Config) { c.MaxConnections = 2 })
	first := h.dial()
	first.say('k', true)
	h.dial()
	if c := dialTo(t, h.listen[0]); c.greeted() {
		t.Error("a third connection was taken")
	}
	first.conn.Close()
	h.until("one gone", connections(1))
	h.dial()
}

func TestHostileWorker(t *testing.T) {
	h := start(t, 2, always("good"), true)
	first, second := h.dial(), h.dial()
	if first.slot == second.slot {
		t.Fatal("both went to one worker")
	}
	second.say('j', true) // claims first's connection, among others
	st := h.until("junk counted", func(st *control.Status) bool { return st.Workers[second.slot].Junk >= 17 })
	if st.Connections != 2 || st.Unknown != 2 || st.Deaths != 0 {
		t.Errorf("after nonsense: %+v", st)
	}
	second.say('g', true)
	h.until("gone once", connections(1))
	second.conn.Close() // a third time
	h.until("junk counted", func(st *control.Status) bool { return st.Workers[second.slot].Junk >= 19 })
	for range 4 { // and the server still answers
		h.dial()
	}
	h.until("five connections", connections(5))
}

func TestDrain(t *testing.T) {
	h := start(t, 2, always("good"), true)
	c := h.dial()
	h.drain()
	if err := h.end(); err != nil {
		t.Errorf("drain: %v", err)
	}
	if _, err := c.reader.ReadByte(); err == nil {
		t.Error("the connection lives on")
	}
	if _, err := control.Ask(h.data+"/"+ControlName, control.Request{}); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("control socket after the end: %v", err)
	}
}

func TestDrainLimitKills(t *testing.T) {
	h := start(t, 2, func(slot int) string { return []string{"good", "stubborn"}[slot] }, true,
		func(c *Config) { c.DrainLimit = 300 * time.Millisecond })
	began := time.Now()
	h.drain()
	if err := h.end(); err != nil {
		t.Errorf("drain: %v", err)
	}
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("killed after %v", took)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	h := start(t, 2, always("stubborn"), true, func(c *Config) { c.DrainLimit = time.Minute })
	h.drain()
	h.until("draining", func(st *control.Status) bool { return st.State == stats.Draining.String() })
	close(h.kill)
	if err := h.end(); !errors.Is(err, ErrKilled) {
		t.Errorf("ended with %v", err)
	}
}

func TestDescriptorsReturn(t *testing.T) {
	run := func() {
		h := start(t, 2, always("good"), true)
		for range 20 {
			h.dial().conn.Close()
		}
		c := h.dial()
		c.say('d', false)
		c.conn.Close()
		h.until("another worker", func(st *control.Status) bool { return st.Deaths == 1 && allReady(st) && st.Connections == 0 })
		h.drain()
		if err := h.end(); err != nil {
			t.Error(err)
		}
	}
	run() // what the runtime opens once
	before := descriptors(t)
	run()
	for end := time.Now().Add(5 * time.Second); descriptors(t) != before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d descriptors before, %d after", before, descriptors(t))
		}
	}
}

func TestStartUpFails(t *testing.T) {
	h := start(t, 1, always("good"), false, func(c *Config) {
		c.StartUp = func() *exec.Cmd {
			return itself("startup", "SLUICE_PARENT_CODE=10", "SLUICE_PARENT_TEXT=the database is damaged: restore it\n")
		}
	})
	var failed *StartUpError
	if err := h.end(); !errors.As(err, &failed) || failed.Code != 10 || err.Error() != "the database is damaged: restore it" {
		t.Errorf("ended with %v", err)
	}
	if log := h.log.String(); !strings.Contains(log, "checked everything") {
		t.Errorf("its output is not in the log: %s", log)
	}
}

func TestDrainDuringStartUp(t *testing.T) {
	h := start(t, 1, always("good"), false, func(c *Config) { c.StartUp = func() *exec.Cmd { return itself("startup-slow") } })
	for end := time.Now().Add(5 * time.Second); !strings.Contains(h.log.String(), "checking"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the start-up child says nothing")
		}
	}
	h.drain()
	if err := h.end(); err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestSecondServerIsRefused(t *testing.T) {
	h := start(t, 1, always("good"), true)
	config := testConfig(h.data, 1, io.Discard, always("good"))
	config.times.lock = 50 * time.Millisecond
	err := Run(t.Context(), config)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "kill") {
		t.Errorf("second server: %v", err)
	}
	h.dial()
}

func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestNoDescriptorsLeft(t *testing.T) {
	h := start(t, 1, always("good"), true)
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(client)
	var usual unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &usual); err != nil {
		t.Fatal(err)
	}
	few := usual
	few.Cur = 100
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	var fill []int
	for {
		fd, err := unix.Dup(client)
		if err != nil {
			break
		}
		unix.CloseOnExec(fd)
		fill = append(fill, fd)
	}
	err = unix.Connect(client, sockaddr(netip.MustParseAddrPort(h.listen[0])))
	for end := time.Now().Add(10 * time.Second); err == nil && !strings.Contains(h.log.String(), "LimitNOFILE") && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	before := cpu(t)
	time.Sleep(300 * time.Millisecond)
	used := cpu(t) - before
	for _, fd := range fill {
		unix.Close(fd)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &usual); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if used > 150*time.Millisecond {
		t.Errorf("used %v of CPU in 300 ms without descriptors", used)
	}
	if !strings.Contains(h.log.String(), "LimitNOFILE") {
		t.Errorf("not in the log:\n%s", h.log)
	}
	h.until("accepted after all", connections(1))
	h.dial()
}
