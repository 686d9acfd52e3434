package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/store"
)

func TestUsageErrors(t *testing.T) {
	folder := t.TempDir()
	for _, row := range []struct {
		args string
		code int
		text string
	}{
		{"nonsense", 2, "unknown command"},
		{"--nonsense", 2, "unknown flag"},
		{"serve extra", 2, "extra"},
		{"serve --workers many", 2, "want a number from 0 to 64"},
		{"serve --workers 65", 2, "want a number from 0 to 64"},
		{"serve --plain yes", 2, "want refuse or allow"},
		{"serve --drain-limit 30", 2, "for example 30s"},
		{"serve --log-level loud", 2, "want error or warn"},
		{"user", 2, "say add, set, list or remove"},
		{"user add", 2, "NAME"},
		{"user add a b", 2, "NAME"},
		{"user add ann", 2, "--password-stdin"},
		{"user add ann --quota 10X", 2, "for example 10G"},
		{"user set ann", 2, "nothing to change"},
		{"user remove ann", 2, "--yes"},
		{"config", 2, "check or print"},
		{"worker", 2, "sluiced serve"},
		{"startup", 2, "sluiced serve"},
		{"status --config /nowhere/sluiced.toml", 3, "/nowhere/sluiced.toml"},
		{"status", 3, "sluiced serve"},
	} {
		t.Setenv("SLUICED_DATA", folder)
		call("", strings.Fields(row.args)...).want(t, row.code, row.text)
	}
}

func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sluiced.toml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	printed := func(args ...string) string {
		r := call("", append([]string{"config", "print", "--config", file}, args...)...)
		r.want(t, 0, "")
		return r.out
	}
	has := func(what, text string) {
		t.Helper()
		if !strings.Contains(text, "\n"+what+"\n") {
			t.Errorf("%q is not in:\n%s", what, text)
		}
	}
	write("")
	has(`workers = 0`, printed())
	has(`listen = ["localhost:7440"]`, printed())
	write("workers = 3\nlisten = ['127.0.0.1:1', '[::1]:2']\ndrain-limit = '5s'\nplain = 'allow'\n")
	has(`workers = 3`, printed())
	has(`listen = ["127.0.0.1:1", "[::1]:2"]`, printed())
	has(`drain-limit = "5s"`, printed())
	t.Setenv("SLUICED_WORKERS", "4")
	t.Setenv("SLUICED_LISTEN", "127.0.0.1:3")
	has(`workers = 4`, printed())
	has(`listen = ["127.0.0.1:3"]`, printed())
	has(`plain = "allow"`, printed())
	has(`workers = 5`, printed("--workers", "5"))
	has(`listen = ["127.0.0.1:4", "127.0.0.1:5"]`, printed("--listen", "127.0.0.1:4", "--listen", "127.0.0.1:5"))
	t.Setenv("SLUICED_WORKERS", "x")
	call("", "config", "check", "--config", file).want(t, 2, "SLUICED_WORKERS")
}

func TestBadConfigurationFiles(t *testing.T) {
	for _, row := range [][2]string{
		{"worker = 3", `the nearest known one is "workers"`},
		{"lissten = []", `the nearest known one is "listen"`},
		{"log_level = 'info'", `the nearest known one is "log-level"`},
		{"workers = '3'", "want an integer"},
		{"workers = 3.5", "want an integer"},
		{"workers = -1", "want a number from 0"},
		{"data = 3", "want a string"},
		{"listen = 'localhost:1'", "want a list of strings"},
		{"listen = [1]", "want a list of strings"},
		{"drain-limit = 30", "want a string"},
		{"plain = 'maybe'", "want refuse or allow"},
		{"workers = 3\nworkers = 4", "line 2"},
		{"= 3", "line 1"},
		{"[workers]\nn = 1", "want an integer"},
	} {
		file := filepath.Join(t.TempDir(), "sluiced.toml")
		if err := os.WriteFile(file, []byte(row[0]), 0o600); err != nil {
			t.Fatal(err)
		}
		call("", "config", "check", "--config", file).want(t, 2, row[1])
	}
}

func TestPrintedConfigurationReadsBack(t *testing.T) {
	all := settings{
		data: "/srv/a \"b\"\\c", listen: []string{"127.0.0.1:1"}, workers: 7, logLevel: "debug", logFormat: "json", plain: "allow",
		maxConnections: 9, maxUnknown: 8, congestion: "bbr", idleTimeout: time.Minute, headerTimeout: 2 * time.Second,
		drainLimit: 3 * time.Second, retireLimit: 4 * time.Second, leastRate: 5,
		policy: store.Policy{Instant: "own", Versions: 36 * time.Hour, Trash: 2 * day, Partials: day, Grace: time.Minute, LowSpace: 6},
	}
	file := filepath.Join(t.TempDir(), "sluiced.toml")
	if err := os.WriteFile(file, writeFile(&all, false), 0o600); err != nil {
		t.Fatal(err)
	}
	var back settings
	if err := readFile(&back, file); err != nil {
		t.Fatal(err)
	}
	for _, row := range table() {
		if got, want := write(row.field(&back)), write(row.field(&all)); got != want {
			t.Errorf("%s: %s, want %s", row.name, got, want)
		}
	}
	if err := os.WriteFile(file, writeFile(&all, true), 0o600); err != nil {
		t.Fatal(err)
	}
	back = defaults()
	if err := readFile(&back, file); err != nil || back.workers != 0 {
		t.Errorf("a file of comments: %v, %+v", err, back)
	}
}

func TestHelpBeginsWithExamples(t *testing.T) {
	for _, args := range []string{"", "serve", "init", "user", "user add", "user set", "user list", "user remove", "status",
		"config", "config check", "config print", "version"} {
		r := call("", append(strings.Fields(args), "--help")...)
		if r.code != 0 || !strings.HasPrefix(r.out, "Examples:\n") {
			t.Errorf("help of %q: %d\n%s", args, r.code, r.out)
		}
		for _, hidden := range []string{"startup", "\n  worker "} {
			if strings.Contains(r.out, hidden) {
				t.Errorf("help of %q shows %q", args, hidden)
			}
		}
	}
	call("", "completion", "bash").want(t, 0, "sluiced")
	call("", "version").want(t, 0, "sluiced ")
	call("", "version", "--json").want(t, 0, `{"version":`)
}

func TestSizes(t *testing.T) {
	for _, row := range []struct {
		text string
		want int64 // -1: refused
	}{
		{"none", 0}, {"0", 0}, {"4096", 4096}, {"1K", 1024}, {"10G", 10 << 30}, {"10g", 10 << 30}, {"10GiB", 10 << 30}, {"10GB", 10 << 30},
		{"1.5T", 3 << 39}, {"9223372036854775807", 1<<63 - 1}, {"9223372036854775808", -1}, {"9000000T", -1}, {"-1", -1}, {"-1G", -1}, {"", -1},
		{"G", -1}, {"1e3", -1}, {"1e3K", -1}, {"0x10K", -1}, {"NaNK", -1}, {"InfG", -1}, {"1X", -1}, {"10 G", -1},
	} {
		got, err := parseSize(row.text)
		if (err != nil) != (row.want < 0) || err == nil && got != row.want {
			t.Errorf("%q: %d, %v; want %d", row.text, got, err, row.want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 200 << 20: "200 MiB",
		1023<<20 + 1<<19: "1.0 GiB", 1<<63 - 1: "8192 PiB"} {
		if got := formatSize(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"ann": "ann", "äöü 漢": "äöü 漢", "a\x1b[2Jb": `a\x1b[2Jb`, "\xff": `\xff`, "\u0085": `\xc2\x85`, "\u202e": `\xe2\x80\xae`, "\n": `\x0a`,
	} {
		if got := visible(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestDataFolder(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")
	if got, err := dataFolder(); err != nil || got != "/var/lib/a" {
		t.Errorf("under systemd: %s, %v", got, err)
	}
}

func TestMemoryLimit(t *testing.T) {
	for _, row := range []struct {
		memory  int64
		workers int
		want    int64
	}{{0, 4, leastMemory}, {1 << 30, 4, leastMemory}, {16 << 30, 4, 2 << 30}, {1 << 40, 2, mostMemory}} {
		if got := memoryLimit(row.memory, row.workers); got != row.want {
			t.Errorf("%d for %d: %d, want %d", row.memory, row.workers, got, row.want)
		}
	}
}
