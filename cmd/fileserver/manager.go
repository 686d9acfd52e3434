package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"sluice/internal/cli"
)

// passedSockets are listeners systemd has bound and passed to this process. The caller
// owns them.
func passedSockets() (fds []int, err error) {
	for _, file := range activation.Files(true) {
		// A number of our own: the file would close it when it is collected.
		fd, copying := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 3) // lint:allow it is never read or written here
		file.Close()
		if copying != nil && err == nil {
			err = fmt.Errorf("take the socket systemd passed as %q: %w", file.Name(), copying)
		}
		fds = append(fds, fd)
	}
	return fds, err
}

// notify is how the service manager is told a state; nil: there is none.
func notify(log *logrus.Logger) func(string) {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return nil
	}
	return func(state string) {
		if _, err := daemon.SdNotify(false, state); err != nil {
			log.WithError(err).Warn("cannot tell the service manager")
		}
	}
}

// watchdog is how long the service manager waits for a sign of life; 0: it does not.
func watchdog() (time.Duration, error) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0, cli.Usagef("the service manager's environment: %v", err)
	}
	return every, nil
}

// ofManager tells whether a variable speaks of one process by its number, or of
// descriptors that only it has: no child can use it.
func ofManager(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	switch name {
	case "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES":
		return true
	}
	return false
}
