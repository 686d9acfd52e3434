package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// onTerminal tells whether a person can be asked.
func (p *program) onTerminal() bool {
	file, ok := p.stdin.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) // lint:allow standard input blocks anyway
}

// ask puts a question and returns the line of the answer.
func (p *program) ask(question string) (string, error) {
	fmt.Fprint(p.stderr, question)
	line, err := bufio.NewReader(p.stdin).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	return strings.TrimSpace(line), nil
}

// visible is s with control characters and broken UTF-8 escaped, so that a name cannot
// command the terminal.
func visible(s string) string {
	var b strings.Builder
	for i, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			_, size := utf8.DecodeRuneInString(s[i:])
			for _, c := range []byte(s[i : i+size]) {
				b.WriteString(`\x` + strconv.FormatUint(uint64(c)+0x100, 16)[1:])
			}
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
