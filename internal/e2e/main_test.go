package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// programs is the folder of the two built programs, made once by TestMain.
var programs string

// tags are the Makefile's, so that the build cache is shared with it.
const tags = "osusergo netgo sqlite_fts5 sqlite_omit_load_extension"

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sluice-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // programs may run as another user
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	programs = dir
	for program, path := range map[string]string{"sluiced": "sluice/cmd/fileserver", "sluice": "sluice/cmd/client"} {
		args := []string{"build", "-tags", tags}
		if raceEnabled {
			args = append(args, "-race")
		}
		build := exec.Command("go", append(args, "-o", filepath.Join(dir, program), path)...)
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n", program, err)
			return 1
		}
	}
	return m.Run()
}
