package client

import (
	"errors"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	for _, row := range []struct{ address, want string }{
		{"sluice+plain://localhost", "localhost:7440"},
		{"sluice+plain://localhost/", "localhost:7440"},
		{"sluice+plain://127.0.0.1:1", "127.0.0.1:1"},
		{"sluice+plain://[::1]:65535", "[::1]:65535"},
		{"SLUICE+PLAIN://[::1]", "[::1]:7440"},
		{"", ""},
		{"localhost", ""},
		{"localhost:7440", ""},
		{"sluice://localhost", ""},
		{"SLUICE://localhost:7440", ""},
		{"http://localhost", ""},
		{"sluice+plain://", ""},
		{"sluice+plain://:7440", ""},
		{"sluice+plain://host:0", ""},
		{"sluice+plain://host:65536", ""},
		{"sluice+plain://host:x", ""},
		{"sluice+plain://user@host", ""},
		{"sluice+plain://host/path", ""},
		{"sluice+plain://host?q", ""},
		{"sluice+plain://host#f", ""},
		{"sluice+plain://ho\x00st", ""},
	} {
		got, err := ParseAddress(row.address)
		if got != row.want {
			t.Errorf("%q: %q (%v), want %q", row.address, got, err, row.want)
		}
		if row.want != "" {
			continue
		}
		if ExitCode(err) != ExitUsage {
			t.Errorf("%q: exit code %d, want %d: %v", row.address, ExitCode(err), ExitUsage, err)
		}
		if asksForSecure := row.address == "localhost" || strings.HasPrefix(row.address, "sluice://"); asksForSecure &&
			!strings.Contains(err.Error(), "sluice+plain://") {
			t.Errorf("%q: the error does not name sluice+plain://: %v", row.address, err)
		}
	}
}

func TestPlainOnlyOnLoopback(t *testing.T) {
	for _, row := range []struct {
		address string
		allowed bool
		good    bool
	}{
		{"127.0.0.1:1", false, true},
		{"127.255.0.9:1", false, true},
		{"[::1]:1", false, true},
		{"[::ffff:127.0.0.1]:1", false, true},
		{"192.0.2.1:1", false, false},
		{"[2001:db8::1]:1", false, false},
		{"0.0.0.0:1", false, false},
		{"192.0.2.1:1", true, true},
	} {
		err := plainAllowed(row.address, row.allowed)
		if (err == nil) != row.good {
			t.Errorf("%s, allowed %v: %v", row.address, row.allowed, err)
		}
	}
	_, err := Dial(soon(t), Options{Address: "sluice+plain://192.0.2.1"})
	var mistake *UsageError
	if !errors.As(err, &mistake) || ExitCode(err) != ExitUsage || !strings.Contains(err.Error(), "--plain") {
		t.Errorf("another machine: %v", err)
	}
}
