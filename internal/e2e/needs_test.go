package e2e

import (
	"os/exec"
	"testing"
)

// needs finds a program that not every machine has, and skips the test where it is missing: Debian has it in that package.
func needs(t *testing.T, program, of string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("needs %s: apt-get install %s", program, of)
	}
	return path
}
