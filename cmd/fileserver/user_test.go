package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUsers(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("from a file\r\nsecond line"), 0o600); err != nil {
		t.Fatal(err)
	}
	call("correct horse\n", "user", "add", "ann", "--password-stdin", "--quota", "10G", "--data", data).want(t, 0, "10.0 GiB")
	call("again", "user", "add", "ann", "--password-stdin", "--data", data).want(t, 1, "ann")
	call("", "user", "add", "bob", "--password-file", secret, "--data", data).want(t, 0, "no quota")
	call("", "user", "add", "eve", "--password-stdin", "--data", data).want(t, 2, "is empty")
	call("x", "user", "add", "eve", "--password-stdin", "--password-file", secret, "--data", data).want(t, 2, "not both")
	call(strings.Repeat("x", 2000), "user", "add", "eve", "--password-stdin", "--data", data).want(t, 2, "longer than")
	call("", "user", "add", "eve", "--password-file", "/nowhere", "--data", data).want(t, 3, "/nowhere")
	call("x", "user", "add", "a/b", "--password-stdin", "--data", data).want(t, 1, "a/b")
	call("", "user", "add", "eve", "-n", "--data", data).want(t, 0, "would add")

	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(secret))
	call("", "user", "add", "cleo", "--data", data).want(t, 0, "added")
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	t.Setenv("SLUICED_PASSWORD", "from the environment")
	call("", "user", "add", "dan", "--data", data).want(t, 0, "added")

	call("", "user", "set", "ann", "--quota", "none", "--data", data).want(t, 0, "changed")
	call("new", "user", "set", "bob", "--password-stdin", "--quota", "1M", "--data", data).want(t, 0, "changed")
	call("", "user", "set", "nobody", "--quota", "1", "--data", data).want(t, 3, "nobody")
	call("", "user", "remove", "dan", "-n", "--data", data).want(t, 0, "would remove")
	call("", "user", "remove", "dan", "--yes", "--data", data).want(t, 0, "removed")
	call("", "user", "remove", "dan", "--yes", "--data", data).want(t, 3, "dan")

	call("", "user", "list", "--data", data).want(t, 0, "1.0 MiB")
	var list struct {
		Users []userLine `json:"users"`
	}
	if err := json.Unmarshal([]byte(call("", "user", "list", "--json", "--data", data).out), &list); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, u := range list.Users {
		names = append(names, u.Name)
	}
	if strings.Join(names, " ") != "ann bob cleo" || list.Users[0].Quota != 0 || list.Users[1].Quota != 1<<20 {
		t.Errorf("users: %+v", list.Users)
	}
}

func TestStrangeFolderIsLeftAlone(t *testing.T) {
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "letter.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	call("x", "user", "add", "ann", "--password-stdin", "--data", data).want(t, 2, "letter.txt")
	call("", "serve", "--listen", "127.0.0.1:0", "--data", data).want(t, 2, "letter.txt")
	entries, err := os.ReadDir(data)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v now, %v", entries, err)
	}
}

func TestInit(t *testing.T) {
	data, config := filepath.Join(t.TempDir(), "it's data"), filepath.Join(t.TempDir(), "etc", "sluiced.toml")
	args := []string{"init", "--data", data, "--config", config}
	call("", append(args, "-n")...).want(t, 0, "would make")
	if _, err := os.Stat(data); err == nil {
		t.Error("a dry run made the data folder")
	}
	call("", args...).want(t, 0, "next: sluiced user add NAME --data '")
	call("secret\n", append(args, "--user", "ann", "--password-stdin")...).want(t, 0, "next: sluiced serve --config "+config)
	call("", args...).want(t, 0, "left as it is")
	call("", "user", "list", "--data", data).want(t, 0, "ann")
	call("", "config", "check", "--config", config).want(t, 0, "good")
}
