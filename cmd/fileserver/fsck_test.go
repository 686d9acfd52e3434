package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func TestFsck(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	call("", "fsck", "--data", data).want(t, 3, "no database")
	if _, err := os.Stat(data); err == nil {
		t.Error("a check made the data folder")
	}
	call("secret", "user", "add", "ann", "--password-stdin", "--data", data).want(t, 0, "added")
	call("", "fsck", "--data", data).want(t, 0, "0 findings")
	call("", "fsck", "something", "--data", data).want(t, 2, "something")
	stray := filepath.Join(data, "segments", "0000000000abcdef")
	if err := os.WriteFile(stray, []byte("bytes of nobody"), 0o600); err != nil {
		t.Fatal(err)
	}
	call("", "fsck", "--data", data).want(t, 10, "no row names segments/0000000000abcdef")
	var answer fsckAnswer
	if err := json.Unmarshal([]byte(call("", "fsck", "--json", "--data", data).out), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Clean || len(answer.Findings) != 1 || answer.Findings[0].Kind != "no-row" {
		t.Errorf("%+v", answer)
	}
	call("", "fsck", "--repair", "--data", data).want(t, 0, "moved to quarantine/segments/0000000000abcdef")
	call("", "fsck", "--data", data).want(t, 0, "0 findings")
	if b, err := os.ReadFile(filepath.Join(data, "quarantine/segments/0000000000abcdef")); string(b) != "bytes of nobody" {
		t.Error(err)
	}
}
