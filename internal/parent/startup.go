package parent

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// startUp runs the start-up child to its end; where there is a server before, one that only
// looks. It inherits the lock, so that no other
// server begins should this one die meanwhile. The end of ctx ends the child, whose work
// can be cut off anywhere.
func (s *server) startUp(ctx context.Context) error {
	command := s.config.StartUp()
	if s.heir != nil {
		command = s.config.Check()
	}
	command.ExtraFiles = []*os.File{s.lock}
	ownGroup(command)
	var text limited
	command.Stderr = &text
	lines, err := command.StdoutPipe()
	if err != nil {
		return fmt.Errorf("prepare the start-up check: %w", err)
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("start the start-up check: %w", err)
	}
	stopped := make(chan struct{})
	forget := context.AfterFunc(ctx, func() {
		_ = command.Process.Signal(unix.SIGTERM)
		close(stopped)
	})
	killed, kill := make(chan struct{}), s.config.Kill
	go func() {
		select {
		case <-kill:
			_ = command.Process.Kill()
		case <-killed:
		}
	}()
	s.logLines(lines)
	err = command.Wait()
	close(killed)
	if !forget() {
		<-stopped
		return context.Canceled
	}
	select {
	case <-s.config.Kill:
		return ErrKilled
	default:
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return &StartUpError{Code: exit.ExitCode(), Text: string(bytes.TrimSpace(text.kept))}
	case err != nil:
		return fmt.Errorf("run the start-up check: %w", err)
	}
	return nil
}

// logLines logs r line by line until its end.
func (s *server) logLines(r io.Reader) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if line := bytes.TrimSpace(lines.Bytes()); len(line) > 0 {
			s.log.Info(string(line))
		}
	}
	// A line too long for the scanner: the child must not block on a full pipe.
	_, _ = io.Copy(io.Discard, r)
}

// limited keeps the first bytes written to it and drops the rest.
type limited struct{ kept []byte }

func (l *limited) Write(b []byte) (int, error) {
	l.kept = append(l.kept, b[:min(len(b), startUpTextMax-len(l.kept))]...)
	return len(b), nil
}
