package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"sluice/internal/store"
)

// passwordSource is where a password comes from: never an argument, which everybody on
// the machine can read in the list of processes.
type passwordSource struct {
	stdin bool
	file  string
}

func (s *passwordSource) add(set *pflag.FlagSet) {
	set.BoolVar(&s.stdin, "password-stdin", false, "read the password from the first line of standard input")
	set.StringVar(&s.file, "password-file", "", "read the password from the first line of `FILE`")
}

// password finds it: standard input or a file where asked for, $SLUICED_PASSWORD, the
// credential "password" of the service, or a question at the terminal, asked twice.
func (p *program) password(from passwordSource, user string) (string, error) {
	switch {
	case from.stdin && from.file != "":
		return "", usageError{"give --password-stdin or --password-file, not both"}
	case from.stdin:
		return firstLine(p.stdin, "standard input")
	case from.file != "":
		return passwordFile(from.file)
	}
	if password := os.Getenv("SLUICED_PASSWORD"); password != "" {
		return password, nil
	}
	if folder := os.Getenv("CREDENTIALS_DIRECTORY"); folder != "" {
		path := filepath.Join(folder, "password")
		if _, err := os.Stat(path); err == nil {
			return passwordFile(path)
		}
	}
	terminal, ok := p.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(terminal.Fd())) { // lint:allow a terminal
		return "", usageError{"no terminal to ask for a password: use --password-stdin or --password-file"}
	}
	return p.askPassword(int(terminal.Fd()), user) // lint:allow a terminal
}

func (p *program) askPassword(terminal int, user string) (string, error) {
	ask := func(text string) (string, error) {
		fmt.Fprint(p.stderr, text)
		password, err := term.ReadPassword(terminal)
		fmt.Fprintln(p.stderr)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return string(password), nil
	}
	first, err := ask(fmt.Sprintf("New password of %s: ", visible(user)))
	if err != nil {
		return "", err
	}
	second, err := ask("Again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", usageError{"the two passwords differ: nothing was changed"}
	}
	return first, nil
}

func passwordFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	defer file.Close()
	return firstLine(file, path)
}

// firstLine reads up to the end of the first line, or of the input.
func firstLine(r io.Reader, name string) (string, error) {
	raw, err := io.ReadAll(io.LimitReader(r, store.MaxPassword+3))
	if err != nil {
		return "", fmt.Errorf("read the password from %s: %w", name, err)
	}
	line, _, whole := strings.Cut(string(raw), "\n")
	if !whole && len(raw) > store.MaxPassword {
		return "", usageError{fmt.Sprintf("the password in %s is longer than %d bytes", name, store.MaxPassword)}
	}
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return "", usageError{fmt.Sprintf("there is no password in %s", name)}
	}
	return line, nil
}
