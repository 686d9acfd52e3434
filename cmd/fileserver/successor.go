package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sluice/internal/parent"
)

// onDisk is the file this program was started from: another one may lie there when the
// server is upgraded, which is what the upgrade is for. It is the name the program was
// called by, so that a link can be pointed elsewhere, unless that leads to another program.
func onDisk() string {
	plain, err := os.Executable() // without links
	if err != nil {
		plain = "sluiced"
	}
	called, err := exec.LookPath(os.Args[0])
	if err == nil {
		called, err = filepath.Abs(called)
	}
	if err != nil {
		return plain
	}
	here, err := os.Stat("/proc/self/exe")
	if err != nil {
		return plain
	}
	if there, err := os.Stat(called); err != nil || !os.SameFile(here, there) {
		return plain
	}
	return called
}

// successorProcess is the command of the server that is to take over: the same arguments
// and settings, the program from path. It stays in this one's process group, so that a
// terminal's interrupt reaches it.
func (p *program) successorProcess(path string) *exec.Cmd {
	command := exec.Command(path, p.args...)
	for _, e := range os.Environ() {
		// WATCHDOG_USEC holds for who comes after; whose number the process has does not.
		if name, _, _ := strings.Cut(e, "="); name != parent.UpgradeVariable && (name == "WATCHDOG_USEC" || !ofManager(e)) {
			command.Env = append(command.Env, e)
		}
	}
	command.Stdout, command.Stderr = p.stdout, p.stderr
	return command
}
