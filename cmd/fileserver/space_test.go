package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func TestGc(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	call("", "gc", "--data", data).want(t, 3, "no database")
	if _, err := os.Stat(data); err == nil {
		t.Error("it made the data folder")
	}
	call("secret", "user", "add", "ann", "--password-stdin", "--data", data).want(t, 0, "added")
	call("", "gc", "-n", "--data", data).want(t, 0, "would remove 0 contents")
	call("", "gc", "--data", data, "--grace", "2h").want(t, 0, "that nothing has named for 2h")
	call("", "gc", "--data", data, "--grace", "soon").want(t, 2, "want a time")
	call("", "gc", "now", "--data", data).want(t, 2, "now")
	var answer gcAnswer
	if err := json.Unmarshal([]byte(call("", "gc", "-n", "--json", "--data", data).out), &answer); err != nil || !answer.DryRun {
		t.Error(answer, err)
	}
}

func TestDu(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	call("", "du", "--data", data).want(t, 3, "no database")
	call("secret", "user", "add", "ann", "--password-stdin", "--data", data).want(t, 0, "added")
	call("", "du", "--data", data).want(t, 0, "dead")
	call("", "du", "ann", "--data", data).want(t, 0, "ALONE")
	call("", "du", "bob", "--data", data).want(t, 3, "bob")
	call("", "du", "", "--data", data).want(t, 3, "user")
	call("", "du", "ann", "bob", "--data", data).want(t, 2, "")
	var answer duAnswer
	if err := json.Unmarshal([]byte(call("", "du", "--json", "--data", data).out), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Disk == 0 || answer.Files["database"].Disk == 0 || answer.Uses["live"].Bytes != 0 {
		t.Errorf("%+v", answer)
	}
}
