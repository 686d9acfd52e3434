package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestImportExport(t *testing.T) {
	data, from, to := filepath.Join(t.TempDir(), "data"), t.TempDir(), filepath.Join(t.TempDir(), "out")
	call("secret", "user", "add", "ann", "--password-stdin", "--data", data).want(t, 0, "added")
	if err := os.WriteFile(filepath.Join(from, "letter"), []byte("dear bob"), 0o640); err != nil {
		t.Fatal(err)
	}
	call("", "import", "ann", "--data", data).want(t, 2, "USER")
	call("", "import", "bob", from, "--data", data).want(t, 3, "bob")
	call("", "import", "ann", "/nowhere", "--data", data).want(t, 3, "/nowhere")
	call("", "import", "ann", from, "-n", "--data", data).want(t, 0, "would bring 1 files")
	call("", "import", "ann", from, "--data", data).want(t, 0, "1 files (8 B)")
	call("", "export", "bob", to, "--data", data).want(t, 3, "bob")
	call("", "export", "ann", to, "-n", "--data", data).want(t, 0, "would write 1 files")
	call("", "export", "ann", to, "--data", data).want(t, 0, "1 files (8 B)")
	if b, err := os.ReadFile(filepath.Join(to, "letter")); string(b) != "dear bob" {
		t.Error(err)
	}
	call("", "export", "ann", to, "--data", data).want(t, 7, "letter")
	if err := os.WriteFile(filepath.Join(from, "letter"), []byte("dear eve"), 0o640); err != nil {
		t.Fatal(err)
	}
	call("", "import", "ann", from, "--json", "--data", data).want(t, 7, `"there":1`)
	call("", "user", "set", "ann", "--quota", "10", "--data", data).want(t, 0, "changed")
	if err := os.WriteFile(filepath.Join(from, "letter 2"), []byte("dear everybody"), 0o640); err != nil {
		t.Fatal(err)
	}
	call("", "import", "ann", from, "--data", data).want(t, 8, "quota")
	call("", "fsck", "--bytes", "--data", data).want(t, 0, "0 findings")
}
