package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestScrub(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	call("", "scrub", "--data", data).want(t, 3, "no database")
	if _, err := os.Stat(data); err == nil {
		t.Error("a scrub made the data folder")
	}
	call("secret", "user", "add", "ann", "--password-stdin", "--data", data).want(t, 0, "added")
	call("", "scrub", "--data", data).want(t, 0, "0 contents, 0 B read: 0 damaged")
	call("", "scrub", "--json", "--subset", "10%", "--limit-rate", "none", "--data", data).want(t, 0, `"clean":true`)
	for _, subset := range []string{"10", "0%", "101%", "NaN%", "0/3", "4/3", "1/x", "-1/3", "1/0"} {
		call("", "scrub", "--subset", subset, "--data", data).want(t, 2, "subset")
	}
	call("", "scrub", "--limit-rate", "fast", "--data", data).want(t, 2, "fast")
}
