package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestBackup(t *testing.T) {
	data, to, again := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "again")
	call("", "backup", to, "--data", data).want(t, 3, "no database")
	call("secret", "user", "add", "ann", "--password-stdin", "--data", data).want(t, 0, "added")
	call("", "backup", "--data", data).want(t, 2, "DEST")
	call("", "backup", data, "--data", data).want(t, 2, "lie in each other")
	call("", "backup", to, "-n", "--data", data).want(t, 0, "would bring 0 contents")
	call("", "backup", "verify", to).want(t, 3, "no backup")
	call("", "restore", to, "--data", again).want(t, 3, "no backup")
	call("", "backup", to, "--data", data).want(t, 0, "0 contents (0 B) are in it")
	call("", "backup", to, "--json", "--data", data).want(t, 0, `"fresh":0`)
	call("", "backup", "verify", to).want(t, 0, "0 findings")
	call("", "backup", "verify", to, "--json").want(t, 0, `"clean":true`)
	call("", "restore", to, "-n", "--data", again).want(t, 0, "would restore 0 contents")
	if _, err := os.Stat(again); err == nil {
		t.Error("a dry run made the folder")
	}
	call("", "restore", to, "--data", data).want(t, 2, "not empty")
	call("", "restore", to, "--data", again).want(t, 0, "0 contents")
	call("", "user", "list", "--data", again).want(t, 0, "ann")
	call("", "fsck", "--data", again).want(t, 0, "0 findings")
	if err := os.WriteFile(filepath.Join(to, "manifest.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	call("", "backup", "verify", to).want(t, 10, "manifest")
}
