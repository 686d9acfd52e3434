package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
)

// A server under test starts this test binary as its children.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "worker" || os.Args[1] == "startup") {
		os.Exit(Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// result is what one call of sluiced left.
type result struct {
	code        int
	out, errors string
}

// call runs sluiced with a standard input.
func call(stdin string, args ...string) result {
	var out, errors bytes.Buffer
	code := Run(context.Background(), args, strings.NewReader(stdin), &out, &errors)
	return result{code, out.String(), errors.String()}
}

// want fails the test unless the call ended with code and its output or error holds text.
func (r result) want(t *testing.T, code int, text string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d\n%s%s", r.code, code, r.out, r.errors)
	}
	if !strings.Contains(r.out+r.errors, text) {
		t.Errorf("%q is not in:\n%s%s", text, r.out, r.errors)
	}
}
