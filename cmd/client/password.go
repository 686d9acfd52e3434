package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// maxPassword is what the protocol takes.
const maxPassword = 1024

// passwordSource is where a password comes from: never an argument, which everybody on the machine can read in the
// list of processes.
type passwordSource struct {
	stdin bool
	file  string
}

func (s *passwordSource) add(f *pflag.FlagSet) {
	f.BoolVar(&s.stdin, "password-stdin", false, "read the password from the first line of standard input")
	f.StringVar(&s.file, "password-file", "", "read the password from the first line of `FILE`")
}

// password finds it: standard input or a file where asked for, $SLUICE_PASSWORD, the file sluice.password in
// $CREDENTIALS_DIRECTORY, or a question at the terminal.
func (p *program) password(from passwordSource, user string) (string, error) {
	if from.stdin && from.file != "" {
		return "", usagef("give --password-stdin or --password-file, not both")
	}
	if from.stdin {
		return firstLine(p.stdin, "standard input")
	}
	if from.file != "" {
		return passwordFile(from.file)
	}
	if password, ok := p.lookup("SLUICE_PASSWORD"); ok && password != "" {
		return password, nil
	}
	if dir, _ := p.lookup("CREDENTIALS_DIRECTORY"); dir != "" {
		path := filepath.Join(dir, "sluice.password")
		if _, err := os.Stat(path); err == nil {
			return passwordFile(path)
		}
	}
	f, ok := p.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) { // lint:allow a terminal is read blocking anyway
		return "", usagef("there is no terminal to ask for the password at: use --password-stdin or --password-file")
	}
	fmt.Fprintf(p.stderr, "Password of %s: ", visible(user))
	b, err := term.ReadPassword(int(f.Fd())) // lint:allow as above
	fmt.Fprintln(p.stderr)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return string(b), nil
}

func passwordFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	defer f.Close()
	return firstLine(f, path)
}

// firstLine reads up to the end of the first line.
func firstLine(r io.Reader, from string) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxPassword+2)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("read the password from %s: %w", visible(from), err)
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	switch {
	case line == "":
		return "", usagef("the password from %s is empty", visible(from))
	case len(line) > maxPassword:
		return "", usagef("the password from %s is longer than %d bytes", visible(from), maxPassword)
	}
	return line, nil
}
