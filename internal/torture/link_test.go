package torture

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// link is a network namespace with a cable to this one that can be cut: what is sent into it is heard by nobody.
type link struct {
	*round
	space string // the namespace
	cable string // this end's name
	here  string // this end's address
	once  sync.Once
}

// cableName begins a cable's name, of which the kernel allows 15 bytes; the process number follows.
const cableName = "sltort"

// newLink makes a link; nil where it cannot be made.
func (r *round) newLink() *link {
	r.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return nil
	}
	number := os.Getpid() % 250
	l := &link{round: r, space: fmt.Sprintf("%s%d-link", leavings, os.Getpid()), cable: fmt.Sprintf("%s%d", cableName, os.Getpid()),
		here: fmt.Sprintf("10.213.%d.1", number)}
	if out, err := exec.Command("ip", "netns", "add", l.space).CombinedOutput(); err != nil {
		r.Logf("no network namespaces here: %v %s", err, out)
		return nil
	}
	r.Cleanup(func() {
		// The namespace may live on for a while with what was never acknowledged in it, and the cable with it.
		exec.Command("ip", "link", "del", l.cable).Run()
		exec.Command("ip", "netns", "del", l.space).Run()
	})
	r.shell("ip", "link", "add", l.cable, "type", "veth", "peer", "name", "far", "netns", l.space)
	r.shell("ip", "address", "add", l.here+"/24", "dev", l.cable)
	r.shell("ip", "link", "set", l.cable, "up")
	inside := func(args ...string) { r.shell("ip", append([]string{"-n", l.space}, args...)...) }
	inside("address", "add", fmt.Sprintf("10.213.%d.2/24", number), "dev", "far")
	inside("link", "set", "far", "up")
	inside("link", "set", "lo", "up")
	return l
}

// spaceVariable names the network namespace a child of these tests is to live in.
const spaceVariable = "SLUICE_TORTURE_SPACE"

// enterSpace goes there. A thread goes, and becomes the whole process by starting it anew.
func enterSpace() {
	path := os.Getenv(spaceVariable)
	if path == "" {
		return
	}
	os.Unsetenv(spaceVariable)
	runtime.LockOSThread()
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		err = unix.Setns(fd, unix.CLONE_NEWNET)
	}
	if err == nil {
		err = unix.Exec(os.Args[0], os.Args, os.Environ())
	}
	fmt.Fprintln(os.Stderr, "peer:", err)
	os.Exit(1)
}

// cut takes the far end down. Both directions are silent from then on, as with a cable that was pulled.
func (l *link) cut() {
	l.once.Do(func() { l.shell("ip", "-n", l.space, "link", "set", "far", "down") })
}
