package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

const (
	insideNamespace = "SLUICE_BENCH_NAMESPACE"
	cannotPrepare   = 97 // exit code of a child that could not prepare its namespace
)

// enterNamespace sees to it that every socket of the run, the peers' too, has the congestion control asked for. The peers
// have no setting for it, but a route has: so the harness runs itself once more in a network namespace whose routes to
// loopback name it. Where that is not permitted, only our own sockets ask for it. It returns in words what holds; a code
// of 0 or more says that the child has done the run.
func (o *options) enterNamespace(ctx context.Context, arguments []string, stdout, stderr io.Writer) (how string, code int, err error) {
	system := systemCongestion()
	if o.congestion == "" || o.congestion == system {
		return system + " (the system's)", -1, nil
	}
	if os.Getenv(insideNamespace) != "" {
		if err := prepareNamespace(o.congestion); err != nil {
			fmt.Fprintln(stderr, err)
			return "", cannotPrepare, nil
		}
		return o.congestion + " (all, by the routes of a network namespace)", -1, nil
	}
	path, err := os.Executable()
	if err != nil {
		return "", -1, err
	}
	command := exec.CommandContext(ctx, path, arguments...)
	command.Env = append(os.Environ(), insideNamespace+"=1", "CONGESTION="+o.congestion)
	command.Stdout, command.Stderr = stdout, stderr
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	err = command.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() != cannotPrepare {
		return "", max(ended.ExitCode(), 1), nil
	}
	if err == nil {
		return "", 0, nil
	}
	return fmt.Sprintf("%s (sluice and floors; the peers have the system's %s)", o.congestion, system), -1, nil
}

func prepareNamespace(congestion string) error {
	for _, arguments := range []string{
		"link set lo up",
		"route change local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1 congctl " + congestion,
		"route change local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1 congctl " + congestion,
	} {
		if out, err := exec.Command("ip", strings.Fields(arguments)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", arguments, err, out)
		}
	}
	return nil
}
