package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestPlans(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	call("", "plan", "set", "small", "--quota", "10G", "--versions", "7d", "--trash", "36h", "--data", data).want(t, 0, "set plan small")
	call("", "plan", "set", "large", "--data", data).want(t, 0, "set plan large")
	call("", "plan", "set", "x", "--versions", "soon", "--data", data).want(t, 2, "soon")
	call("", "plan", "set", "x", "--quota", "-1", "--data", data).want(t, 2, "-1")
	call("", "plan", "set", "a/b", "--data", data).want(t, 1, "a/b")
	call("", "plan", "list", "--data", data).want(t, 0, "10.0 GiB")
	call("pw", "user", "add", "ann", "--password-stdin", "--plan", "small", "--data", data).want(t, 0, "limits of plan small")
	call("pw", "user", "add", "bob", "--password-stdin", "--plan", "nothing", "--data", data).want(t, 3, "nothing")
	call("", "user", "list", "--data", data).want(t, 0, "10.0 GiB")
	call("", "user", "set", "ann", "--quota", "1M", "--data", data).want(t, 0, "changed")
	call("", "user", "list", "--data", data).want(t, 0, "1.0 MiB")
	call("", "user", "set", "ann", "--quota", "none", "--data", data).want(t, 0, "changed")
	if out := call("", "user", "list", "--json", "--data", data).out; !strings.Contains(out, `"quota":10737418240,"plan":"small"`) {
		t.Errorf("users: %s", out)
	}
	call("", "plan", "remove", "small", "--data", data).want(t, 1, "give them another")
	call("", "user", "set", "ann", "--plan", "none", "--data", data).want(t, 0, "changed")
	call("", "plan", "remove", "small", "-n", "--data", data).want(t, 0, "would remove")
	call("", "plan", "remove", "small", "--data", data).want(t, 0, "removed")
	call("", "plan", "remove", "small", "--data", data).want(t, 3, "small")
	if out := call("", "plan", "list", "--json", "--data", data).out; out != `{"plans":[{"name":"large","quota":0,"users":0}]}`+"\n" {
		t.Errorf("plans: %s", out)
	}
}
