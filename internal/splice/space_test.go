package splice

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The disk is full in mid splice: what is left inside the pipe goes with it. An ordinary user mounts the small disk in a
// user namespace, where that is allowed.
func TestNoSpace(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("sluice-test", dir, "tmpfs", 0, "size=256k"); err != nil {
		if os.Getenv("SPLICE_CHILD") != "" {
			t.Skipf("mount a small disk: %v", err)
		}
		reexecute(t, "space", &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		})
		return
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	f, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	pool := NewPool(1<<20, 1<<20)
	defer pool.Close()
	content := file(t, bytesOf(1<<20))
	n, err := carry(pool, int(content.Fd()), 0, int(f.Fd()), 0, 1<<20)
	if !errors.Is(err, unix.ENOSPC) {
		t.Errorf("%d bytes, %v, want no space", n, err)
	}
	if s := pool.Stats(); s != (PoolStats{}) {
		t.Errorf("a pipe with bytes inside was kept: %+v", s)
	}
}
