package torture

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// disk is a file system in a file, on a loop device, whose power can be cut: what it had not written by then is gone.
type disk struct {
	*round
	kind    string // ext4, xfs
	options string // of mount
	device  string // "/dev/loopN"
	mount   string
	mounted bool
}

// needDisk skips a test, by name, where no disk can be made.
func (r *round) needDisk(kind string) {
	r.Helper()
	if os.Geteuid() != 0 {
		r.Skip("needs root, for loop devices and mounts")
	}
	if _, err := exec.LookPath("mkfs." + kind); err != nil {
		r.Skipf("needs mkfs.%s: apt-get install %s", kind, map[string]string{"ext4": "e2fsprogs", "xfs": "xfsprogs"}[kind])
	}
}

// newDisk makes a disk and mounts it.
func (r *round) newDisk(kind, size, options string) *disk {
	r.Helper()
	d := &disk{round: r, kind: kind, options: options, mount: r.mountPoint("disk")}
	image := r.path("disk.image")
	r.shell("truncate", "-s", size, image)
	d.attach(image)
	r.Cleanup(d.remove)
	d.format()
	d.plug()
	return d
}

// mountPoint makes a folder to mount a disk on. It lies in a mount of its own that is shared: whoever makes a mount namespace
// meanwhile, as "ip netns exec" and containers do, has a copy of all that is mounted, which must go when ours does. A file
// system that stays mounted anywhere is not mounted anew, and its power not back.
func (r *round) mountPoint(name string) string {
	r.Helper()
	around := r.path("around-%s", name)
	inner := filepath.Join(around, name)
	r.must(os.MkdirAll(around, 0o755))
	r.must(unix.Mount(around, around, "", unix.MS_BIND, ""))
	r.Cleanup(func() { unix.Unmount(around, unix.MNT_DETACH) })
	r.must(unix.Mount("", around, "", unix.MS_SHARED, ""))
	r.must(os.Mkdir(inner, 0o755))
	return inner
}

// attach puts a file behind a loop device.
func (d *disk) attach(image string) {
	d.Helper()
	out, err := exec.Command("losetup", "--find", "--show", image).CombinedOutput()
	if err != nil {
		d.Skipf("no loop device here: %v %s", err, out)
	}
	d.device = strings.TrimSpace(string(out))
}

func (d *disk) format() {
	d.Helper()
	switch d.kind {
	case "ext4":
		d.shell("mkfs.ext4", "-q", "-F", d.device)
	case "xfs":
		d.shell("mkfs.xfs", "-q", "-f", d.device)
	}
}

// renew unmounts and makes the disk empty.
func (d *disk) renew() {
	d.Helper()
	d.unplug()
	d.format()
	d.plug()
}

// plug mounts the disk; the file system looks after what a cut left.
func (d *disk) plug() {
	d.Helper()
	if err := unix.Mount(d.device, d.mount, d.kind, 0, d.options); err != nil {
		d.Fatalf("mount %s %s: %v", d.kind, d.options, err)
	}
	d.mounted = true
}

// unplug unmounts the disk. Whatever used it has just been killed, and may take a moment to be gone.
func (d *disk) unplug() {
	d.Helper()
	for end := time.Now().Add(startLimit); ; time.Sleep(time.Millisecond) {
		err := unix.Unmount(d.mount, 0)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(end) {
			d.Fatalf("umount: %v", err)
		}
	}
	d.mounted = false
}

// cut ends the file system at once, without letting it write its log: from here on the disk stays as it is.
func (d *disk) cut() {
	d.Helper()
	const (
		shutdown   = 0x8004587d // EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN
		noLogFlush = 2
	)
	fd, err := unix.Open(d.mount, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	d.must(err)
	defer unix.Close(fd)
	how := uint32(noLogFlush)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), shutdown, uintptr(unsafe.Pointer(&how))); errno != 0 {
		d.Fatalf("shut the file system down: %v", errno)
	}
}

// remove gives mount point and loop device back, also after a failure.
func (d *disk) remove() {
	if d.mounted {
		for range 1000 {
			if unix.Unmount(d.mount, 0) == nil {
				d.mounted = false
				break
			}
			time.Sleep(time.Millisecond)
		}
		if d.mounted {
			d.Errorf("the disk stays in use; it is unmounted when its last user ends")
			unix.Unmount(d.mount, unix.MNT_DETACH)
		}
	}
	if d.device != "" {
		if out, err := exec.Command("losetup", "-d", d.device).CombinedOutput(); err != nil {
			d.Errorf("losetup -d: %v %s", err, out)
		}
	}
}

// shell runs a command that must succeed.
func (r *round) shell(name string, args ...string) string {
	r.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		r.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
