package parent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// runAsParent is a server in a process of its own, for a test that kills it.
func runAsParent() int {
	config := testConfig(os.Getenv("SLUICE_PARENT_DATA"), 2, os.Stderr, always("good"))
	config.Ready = func(listen []string) { fmt.Println(listen[0]) } // lint:allow a program of its own
	if err := Run(context.Background(), config); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func TestParentKilled(t *testing.T) {
	data := t.TempDir()
	command := itself("parent", "SLUICE_PARENT_DATA="+data)
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	first, second := dialTo(t, strings.TrimSpace(address)), dialTo(t, strings.TrimSpace(address))
	if !first.greeted() || !second.greeted() {
		t.Fatal("refused")
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait() // killed
	for _, c := range []*client{first, second} {
		if _, err := c.reader.ReadByte(); !errors.Is(err, io.EOF) && !isReset(err) {
			t.Errorf("a connection after the parent's death: %v", err)
		}
	}
	// A new server starts at once: it waits for the workers' share of the lock.
	config := testConfig(data, 1, io.Discard, always("good"))
	ctx, cancel := context.WithCancel(t.Context())
	config.Ready = func([]string) { cancel() }
	if err := Run(ctx, config); err != nil {
		t.Errorf("new server: %v", err)
	}
	for _, c := range []*client{first, second} {
		if alive(c.pid) {
			t.Errorf("worker %d is still there", c.pid)
		}
	}
}

// alive tells whether a process runs; a zombie whose parent was killed does not.
func alive(pid int) bool {
	if errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	text := string(stat)
	return !strings.HasPrefix(text[strings.LastIndexByte(text, ')')+1:], " Z")
}
