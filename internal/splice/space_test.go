package splice

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// The disk is full in mid splice: what is left inside the pipe goes with it. A file size limit would do as well, but its
// error is another one; where a tmpfs may be mounted it is one of 256 KiB, else /dev/full answers the same.
func TestNoSpace(t *testing.T) {
	pool := NewPool(1<<20, 1<<20)
	defer pool.Close()
	content := file(t, bytesOf(1<<20))
	n, err := carry(pool, int(content.Fd()), 0, fullDisk(t), 0, 1<<20)
	if !errors.Is(err, unix.ENOSPC) {
		t.Errorf("%d bytes, %v, want no space", n, err)
	}
	if s := pool.Stats(); s != (PoolStats{}) {
		t.Errorf("a pipe with bytes inside was kept: %+v", s)
	}
}

func fullDisk(t *testing.T) int {
	t.Helper()
	dir := t.TempDir()
	path := "/dev/full"
	if err := unix.Mount("sluice-test", dir, "tmpfs", 0, "size=256k"); err == nil {
		t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
		path = filepath.Join(dir, "file")
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return int(f.Fd())
}
