package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// MaxPassword is the longest password the protocol takes, bytes.
const MaxPassword = 1024

// Password is where a password comes from: never an argument, which everybody on the machine can read in the list of
// processes.
type Password struct {
	Stdin bool
	File  string
}

// Add adds the flags that say so.
func (p *Password) Add(f *pflag.FlagSet) {
	f.BoolVar(&p.Stdin, "password-stdin", false, "read the password from the first line of standard input")
	f.StringVar(&p.File, "password-file", "", "read the password from the first line of `FILE`")
}

// Surroundings are where a program looks for a password that no flag names, and whom it asks.
type Surroundings struct {
	Stdin      io.Reader
	Stderr     io.Writer
	Lookup     func(string) (string, bool) // of the environment
	Variable   string                      // of the environment that may hold it
	Credential string                      // its name among the service's credentials
	Question   string                      // put at the terminal
	New        bool                        // it is being chosen: asked twice
}

// Find finds the password: standard input or a file where asked for, the variable, the file in $CREDENTIALS_DIRECTORY, or
// a question at the terminal.
func (p Password) Find(s Surroundings) (string, error) {
	switch {
	case p.Stdin && p.File != "":
		return "", Usagef("give --password-stdin or --password-file, not both")
	case p.Stdin:
		return firstLine(s.Stdin, "standard input")
	case p.File != "":
		return passwordFile(p.File)
	}
	if password, _ := s.Lookup(s.Variable); password != "" {
		return password, nil
	}
	if dir, _ := s.Lookup("CREDENTIALS_DIRECTORY"); dir != "" {
		path := filepath.Join(dir, s.Credential)
		if _, err := os.Stat(path); err == nil {
			return passwordFile(path)
		}
	}
	f, ok := s.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) { // lint:allow a terminal is read blocking anyway
		return "", Usagef("there is no terminal to ask for the password at: use --password-stdin or --password-file")
	}
	first, err := s.ask(f, s.Question)
	if err != nil || !s.New {
		return first, err
	}
	second, err := s.ask(f, "Again: ")
	if err == nil && first != second {
		err = Usagef("the two passwords differ: nothing was changed")
	}
	return second, err
}

func (s *Surroundings) ask(terminal *os.File, question string) (string, error) {
	fmt.Fprint(s.Stderr, question)
	b, err := term.ReadPassword(int(terminal.Fd())) // lint:allow as above
	fmt.Fprintln(s.Stderr)
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

// firstLine reads up to the end of the first line, or of the input.
func firstLine(r io.Reader, from string) (string, error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxPassword+2))
	if err != nil {
		return "", fmt.Errorf("read the password from %q: %w", from, err)
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	line = strings.TrimSuffix(line, "\r")
	switch {
	case line == "":
		return "", Usagef("the password from %q is empty", from)
	case len(line) > MaxPassword:
		return "", Usagef("the password from %q is longer than %d bytes", from, MaxPassword)
	}
	return line, nil
}
