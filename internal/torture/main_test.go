package torture

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// folder is where the built programs lie; its name tells a later run whose leavings these are.
var folder string

// tags are the Makefile's, so that the build cache is shared with it.
const tags = "osusergo netgo sqlite_fts5 sqlite_omit_load_extension"

// cflags are the Makefile's too: SQLite syncs by fdatasync.
const cflags = "-O2 -g -DHAVE_FDATASYNC=1"

// roles are what this test binary is when it is started again by a test.
var roles = map[string]func(){"tap": tapChild, "hog": hogChild, "peer": peerChild}

const (
	roleVariable    = "SLUICE_TORTURE_ROLE"    // names the role
	programVariable = "SLUICE_TORTURE_PROGRAM" // the server to torture, where it is not to be built
)

func TestMain(m *testing.M) {
	if role := roles[os.Getenv(roleVariable)]; role != nil {
		role()
		os.Exit(0)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	sweepLeavings()
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", leavings, os.Getpid()))
	if err == nil {
		err = os.Chmod(dir, 0o755) // programs may run as another user
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	defer sweepOwn()
	folder = dir
	return m.Run()
}

// program builds the server once for all tests that want it so.
func program(t *testing.T, kind string) string {
	t.Helper()
	if path := os.Getenv(programVariable); path != "" {
		return path
	}
	path, err := builds[kind]()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// builds are the ways the server is built: as it is, and as mutants that a variable makes faulty.
var builds = map[string]func() (string, error){
	"real":   sync.OnceValues(func() (string, error) { return build("sluiced", tags) }),
	"mutant": sync.OnceValues(func() (string, error) { return build("sluiced-mutant", tags+" mutant") }),
}

func build(name, tags string) (string, error) {
	path := filepath.Join(folder, name)
	args := []string{"build", "-tags", tags}
	if raceEnabled {
		args = append(args, "-race")
	}
	c := exec.Command("go", append(args, "-o", path, "sluice/cmd/fileserver")...)
	c.Env = append(os.Environ(), "CGO_CFLAGS="+cflags)
	out, err := c.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return path, nil
}

// startSelf prepares this test binary in one of its roles.
func startSelf(role string, args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), roleVariable+"="+role)
	return c
}
