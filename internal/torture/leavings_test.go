package torture

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// leavings begins the name of every folder, mount point and network namespace of these tests; the process number follows.
const leavings = "sluice-torture-"

// sweepLeavings removes what a run that was killed has left: mounts, loop devices, network namespaces, folders.
func sweepLeavings() {
	sweep(func(pid int) bool { return pid != os.Getpid() && unix.Kill(pid, 0) == unix.ESRCH })
}

// sweepOwn removes what tests of this run have left, for instance one that did not come to its clean-up.
func sweepOwn() { sweep(func(pid int) bool { return pid == os.Getpid() }) }

func sweep(dead func(pid int) bool) {
	ours := func(text string) bool {
		at := strings.Index(text, leavings)
		if at < 0 {
			return false
		}
		digits, _, _ := strings.Cut(text[at+len(leavings):], "-")
		pid, err := strconv.Atoi(digits)
		return err == nil && dead(pid)
	}
	// Loop devices are found by their files' paths, which the kernel does not know any more when a mount on the way is gone;
	// and they can only be given back then.
	var devices []string
	loops, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, loop := range loops {
		if file, err := os.ReadFile(loop); err == nil && ours(string(file)) {
			devices = append(devices, "/dev/"+strings.Split(loop, "/")[3])
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	lines := strings.Split(string(mounts), "\n")
	slices.Reverse(lines) // the latest first: one may lie on another
	for _, line := range lines {
		if fields := strings.Fields(line); len(fields) > 4 && ours(fields[4]) {
			_ = unix.Unmount(fields[4], unix.MNT_DETACH) // what is busy goes with its last user
		}
	}
	for _, device := range devices {
		_ = exec.Command("losetup", "-d", device).Run()
	}
	cables, _ := filepath.Glob("/sys/class/net/" + cableName + "*")
	for _, cable := range cables {
		name := filepath.Base(cable)
		if pid, err := strconv.Atoi(strings.TrimPrefix(name, cableName)); err == nil && dead(pid) {
			_ = exec.Command("ip", "link", "del", name).Run()
		}
	}
	spaces, _ := filepath.Glob("/run/netns/" + leavings + "*")
	for _, space := range spaces {
		if ours(space) {
			_ = exec.Command("ip", "netns", "del", filepath.Base(space)).Run()
		}
	}
	folders, _ := filepath.Glob(filepath.Join(os.TempDir(), leavings+"*"))
	for _, folder := range folders {
		if ours(folder) {
			_ = os.RemoveAll(folder)
		}
	}
}
