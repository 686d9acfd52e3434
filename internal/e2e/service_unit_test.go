package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// exposure is the greatest `systemd-analyze security` may find, times ten.
const exposure = "15"

const units = "../../packaging/systemd"

// analyze runs systemd-analyze, where it is.
func analyze(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(needs(t, "systemd-analyze", "systemd"), args...).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestUnitIsHardened(t *testing.T) {
	out := analyze(t, "security", "--offline=true", "--threshold="+exposure, filepath.Join(units, "sluiced.service"))
	for line := range strings.Lines(out) {
		if strings.Contains(line, "Overall exposure") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

func TestUnitsAreVerified(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for _, name := range []string{"sluiced.service", "sluiced.socket"} {
		text, err := os.ReadFile(filepath.Join(units, name))
		must(t, err)
		path := filepath.Join(dir, name)
		// The program is where this test has it.
		must(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "/usr/bin/sluiced", filepath.Join(programs, "sluiced"))), 0o644))
		paths = append(paths, path)
	}
	out := analyze(t, append([]string{"verify", "--man=no"}, paths...)...)
	for line := range strings.Lines(out) {
		if strings.Contains(line, "sluiced.") {
			t.Errorf("systemd-analyze verify: %s", strings.TrimSpace(line))
		}
	}
}

// What the rest of the program relies on stands in the unit.
func TestUnitSaysWhatIsReliedOn(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(units, "sluiced.service"))
	must(t, err)
	for _, want := range []string{"Type=notify", "NotifyAccess=all", "KillMode=mixed", "WatchdogSec=", "StateDirectory=sluice", "LoadCredential=",
		"LimitNOFILE=", "SystemCallErrorNumber=EPERM", "ExecReload=/usr/bin/sluiced reload"} {
		if !strings.Contains("\n"+string(text), "\n"+want) {
			t.Errorf("the unit has no %s", want)
		}
	}
}
