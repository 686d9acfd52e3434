package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestManualPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man8")
	call("", "man", dir).want(t, 0, "")
	for page, want := range map[string]string{
		"sluiced.8":         "sluiced-reload(8)",
		"sluiced-reload.8":  "sluiced config check && sluiced reload",
		"sluiced-upgrade.8": "SIGUSR2",
	} {
		text, err := os.ReadFile(filepath.Join(dir, page))
		if err != nil {
			t.Error(err)
			continue
		}
		plain := strings.NewReplacer(`\fB`, "", `\fP`, "", `\-`, "-", `\&`, "").Replace(string(text))
		if !strings.Contains(plain, want) {
			t.Errorf("%s does not hold %q:\n%s", page, want, plain)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "sluiced-worker.8")); err == nil {
		t.Error("there is a page of a hidden command")
	}
}

// A fresh configuration file is all comments, and good when they are taken away.
func TestFreshConfiguration(t *testing.T) {
	r := call("", "config", "print", "--fresh")
	r.want(t, 0, `#data = "/var/lib/sluice"`)
	var lines []string
	for line := range strings.Lines(r.out) {
		if line != "\n" && !strings.HasPrefix(line, "#") {
			t.Errorf("no comment: %s", line)
		}
		if !strings.HasPrefix(line, "# ") {
			lines = append(lines, strings.TrimPrefix(line, "#"))
		}
	}
	file := filepath.Join(t.TempDir(), "sluiced.toml")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	call("", "config", "check", "--config", file).want(t, 0, "good")
	if n := strings.Count(strings.Join(lines, ""), " = "); n != len(table()) {
		t.Errorf("%d settings of %d", n, len(table()))
	}
}

// An empty folder of another user's is not for root to fill.
func TestAnothersFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give a folder away")
	}
	data := t.TempDir()
	if err := os.Chown(data, 1, 1); err != nil {
		t.Fatal(err)
	}
	call("secret", "user", "add", "ann", "--password-stdin", "--data", data).want(t, codeDenied, "runuser -u ")
	if entries, err := os.ReadDir(data); err != nil || len(entries) > 0 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}
