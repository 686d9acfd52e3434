package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/cli"
	"sluice/internal/client"
	"sluice/internal/syncer"
)

// run carries out a command line in an environment of its own.
func run(t *testing.T, home string, env map[string]string, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := newProgram(strings.NewReader(stdin), &out, &errs, func(name string) (string, bool) {
		switch name {
		case "XDG_CONFIG_HOME", "XDG_STATE_HOME":
			return filepath.Join(home, name), true
		}
		v, ok := env[name]
		return v, ok
	})
	code = p.run(args)
	return code, out.String(), errs.String()
}

// keep writes a remotes file by hand.
func keep(t *testing.T, home, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(home, "XDG_CONFIG_HOME", "sluice", "remotes.toml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

const oneRemote = "[remotes.home]\naddress = 'sluice+plain://127.0.0.1:1'\nuser = 'ann'\ndevice = 1\nserver = 's'\ntoken = 'secret'\n"

func TestUsage(t *testing.T) {
	home := t.TempDir()
	keep(t, home, oneRemote, 0o600)
	for _, test := range []struct {
		args string
		says string
	}{
		{"nonsense", "no command nonsense"},
		{"pusj a b", "did you mean push?"},
		{"ls", "write: sluice ls REMOTE:PATH"},
		{"ls --nonsense home:", "unknown flag"},
		{"ls docs/a.txt", "home:docs/a.txt"},
		{"ls ./home:a", "not a place on a server"},
		{"ls home:a/../b", ".. is not understood"},
		{"ls hone:", "did you mean home?"},
		{"ls elsewhere:", "only home"},
		{"push home:docs /tmp", "sluice push /tmp home:docs"},
		{"pull /tmp home:docs", "sluice pull home:docs /tmp"},
		{"push /tmp", "write: sluice push DIR REMOTE:PATH"},
		{"push --max-delete x /tmp home:", "--max-delete"},
		{"push --exclude-from /nowhere/at/all /tmp home:", "no such file"},
		{"--progress fancy ls home:", "auto, bar, json or none"},
		{"--limit-rate fast ls home:", "not a rate"},
		{"--connections 1000 ls home:", "1 to 64"},
		{"login sluice://127.0.0.1", "sluice+plain://"},
		{"login 127.0.0.1", "sluice+plain://"},
		{"login sluice+plain://127.0.0.1:1 --name a:b", "cannot name a remote"},
		{"login sluice+plain://127.0.0.1:2 --user ann", "already"},
		{"mv home:a other:b", "no remote other"},
		{"logout nowhere", "no remote nowhere"},
		{"completion tcsh", "bash|zsh|fish"},
	} {
		code, _, stderr := run(t, home, nil, "", strings.Fields(test.args)...)
		if code != client.ExitUsage || !strings.Contains(stderr, test.says) {
			t.Errorf("sluice %s: code %d, %q; want %q", test.args, code, stderr, test.says)
		}
	}
}

// Help of every command begins with examples, and no flag takes a secret.
func TestHelp(t *testing.T) {
	p := newProgram(strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}, os.LookupEnv)
	var all func(c *cobra.Command)
	all = func(c *cobra.Command) {
		if c.Name() == "help" {
			return
		}
		var out bytes.Buffer
		c.SetOut(&out)
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(out.String(), "\n")
		if len(lines) < 4 || lines[2] != "Examples:" || !strings.HasPrefix(lines[3], "  ") {
			t.Errorf("%s does not begin with examples:\n%s", c.CommandPath(), out.String())
		}
		for _, flag := range []string{"password", "token"} {
			if c.Flags().Lookup(flag) != nil {
				t.Errorf("%s takes a secret as an argument", c.CommandPath())
			}
		}
		for _, below := range c.Commands() {
			all(below)
		}
	}
	all(p.rootCommand())
}

func TestEnvironment(t *testing.T) {
	code, stdout, _ := run(t, t.TempDir(), map[string]string{"SLUICE_JSON": "true"}, "", "version")
	var v map[string]string
	if code != 0 || json.Unmarshal([]byte(stdout), &v) != nil || v["version"] == "" {
		t.Errorf("code %d: %s", code, stdout)
	}
	if code, _, stderr := run(t, t.TempDir(), map[string]string{"SLUICE_CONNECTIONS": "many"}, "", "version"); code != 2 || !strings.Contains(stderr, "SLUICE_CONNECTIONS") {
		t.Errorf("code %d: %s", code, stderr)
	}
	if code, stdout, _ := run(t, t.TempDir(), map[string]string{"SLUICE_JSON": "true"}, "", "version", "--json=false"); code != 0 || strings.HasPrefix(stdout, "{") {
		t.Errorf("the command line must win: code %d: %s", code, stdout)
	}
}

func TestRemotesFile(t *testing.T) {
	home := t.TempDir()
	if code, _, stderr := run(t, home, nil, "", "ls", "home:"); code != 2 || !strings.Contains(stderr, "sluice login") {
		t.Errorf("no remote: code %d: %s", code, stderr)
	}
	path := keep(t, home, oneRemote, 0o644)
	code, _, stderr := run(t, home, nil, "", "ls", "home:")
	if code != client.ExitAuth || !strings.Contains(stderr, "chmod 600") || strings.Contains(stderr, "secret") {
		t.Errorf("a file others can read: code %d: %s", code, stderr)
	}
	keep(t, home, oneRemote, 0o600)
	if code, _, stderr := run(t, home, nil, "", "logout", "--local"); code != 0 {
		t.Errorf("logout --local: code %d: %s", code, stderr)
	}
	b, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(b), "secret") {
		t.Errorf("after logout: %q, %v", b, err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	keep(t, home, "[remotes.home]\nadress = 'x'\n", 0o600)
	if code, _, _ := run(t, home, nil, "", "ls", "home:"); code == 0 {
		t.Error("an unknown key was taken")
	}
}

func TestUnreachable(t *testing.T) {
	home := t.TempDir()
	keep(t, home, oneRemote, 0o600)
	code, _, stderr := run(t, home, nil, "", "--json", "ls", "home:")
	var event struct {
		Event string
		Code  int
		Text  string
	}
	if err := json.Unmarshal([]byte(stderr), &event); err != nil || code != client.ExitTemporary || event.Event != "error" || event.Code != code {
		t.Errorf("code %d, %v: %s", code, err, stderr)
	}
}

func TestPasswordSources(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "sluice.password")
	if err := os.WriteFile(file, []byte("from file\r\nsecond line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		from  cli.Password
		env   map[string]string
		stdin string
		want  string
	}{
		{"stdin", cli.Password{Stdin: true}, nil, "from stdin\nrest", "from stdin"},
		{"stdin without newline", cli.Password{Stdin: true}, nil, "from stdin", "from stdin"},
		{"file", cli.Password{File: file}, nil, "", "from file"},
		{"environment", cli.Password{}, map[string]string{"SLUICE_PASSWORD": "from env"}, "", "from env"},
		{"credentials", cli.Password{}, map[string]string{"CREDENTIALS_DIRECTORY": dir}, "", "from file"},
		{"both", cli.Password{Stdin: true, File: file}, nil, "x", ""},
		{"empty", cli.Password{Stdin: true}, nil, "\n", ""},
		{"too long", cli.Password{Stdin: true}, nil, strings.Repeat("x", cli.MaxPassword+1), ""},
		{"no terminal", cli.Password{}, nil, "x", ""},
	} {
		p := newProgram(strings.NewReader(test.stdin), nil, nil, func(n string) (string, bool) { v, ok := test.env[n]; return v, ok })
		got, err := p.password(test.from, "ann")
		if got != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%s: %q, %v", test.name, got, err)
		}
	}
}

func TestParseRemotePath(t *testing.T) {
	for _, test := range []struct {
		in, want string
		folder   bool
	}{
		{"home:", "home:", true},
		{"home:/", "home:", true},
		{"home:a", "home:a", false},
		{"home:/a//b/./c/", "home:a/b/c", true},
		{"home:a:b", "home:a:b", false},
		{"home:with space\n", "home:with space\n", false},
	} {
		got, err := parseRemotePath(test.in)
		if err != nil || got.String() != test.want || got.folder != test.folder {
			t.Errorf("%q: %+v, %v", test.in, got, err)
		}
	}
	for _, bad := range []string{"", "a", ":a", "/a:b", "./a:b", "home:..", "home:a/../b"} {
		if got, err := parseRemotePath(bad); err == nil {
			t.Errorf("%q: %+v", bad, got)
		}
	}
}

func TestTimetable(t *testing.T) {
	at := func(clock string) time.Time {
		c, err := time.Parse("15:04", clock)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, test := range []struct {
		table, clock string
		want         int64
	}{
		{"", "12:00", 0},
		{"off", "12:00", 0},
		{"10M", "12:00", 10 << 20},
		{"1.5k", "12:00", 1536},
		{"300", "12:00", 300},
		{"08:00,1M 18:00,off", "07:59", 0},
		{"08:00,1M 18:00,off", "08:00", 1 << 20},
		{"08:00,1M 18:00,off", "17:59", 1 << 20},
		{"18:00,off 08:00,1M", "18:00", 0},
		{"08:00,1M 18:00,2M", "00:00", 2 << 20},
	} {
		table, err := parseTimetable(test.table)
		if got := table.at(at(test.clock)); err != nil || got != test.want {
			t.Errorf("%q at %s: %d, %v; want %d", test.table, test.clock, got, err, test.want)
		}
	}
	for _, bad := range []string{"x", "-1", "0.1", "1e30T", "25:00,1M", "08:00 1M", "08:00,", "10M 5M", "NaN", "Inf"} {
		if _, err := parseTimetable(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestWords(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "0.98 KiB", 1024: "1.00 KiB", 1536: "1.50 KiB", 10 << 10: "10.0 KiB", 134217728: "128 MiB", 1 << 40: "1.00 TiB", 1<<63 - 1: "8.00 EiB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q", n, got)
		}
	}
	line := closingLine("sent", &syncer.Totals{Sent: 1, SentBytes: 2048, Instant: 1200, Unchanged: 3, Took: 2500 * time.Millisecond}, false)
	if want := "1 file sent (2.00 KiB), 1,200 instant (0 B), 3 unchanged (0 B); 2.5 s, 819 B/s"; line != want {
		t.Errorf("got %q", line)
	}
	if line := closingLine("sent", &syncer.Totals{Took: time.Millisecond}, false); line != "nothing to do; 1 ms" {
		t.Errorf("got %q", line)
	}
}
