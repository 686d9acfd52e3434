package bench

import (
	"crypto/rand"
	"fmt"
	fast "math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// folders hands out new folders below one root.
type folders struct {
	root string
	n    int
}

// newFolders empties root and prepares it.
func newFolders(root string) (*folders, error) {
	if err := os.RemoveAll(root); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	spread(root)
	return &folders{root: root}, nil
}

// next makes a folder no run has used.
func (f *folders) next(name string) (string, error) {
	f.n++
	dir := filepath.Join(f.root, fmt.Sprintf("%03d-%s", f.n, name))
	return dir, os.Mkdir(dir, 0o755)
}

// spread sets the T attribute, as chattr +T does: ext4 then puts folders made in dir far from each other. File systems
// that do not know it do not need it.
func spread(dir string) {
	const topdir = 0x00020000
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if flags, err := unix.IoctlGetInt(fd, unix.FS_IOC_GETFLAGS); err == nil {
		_ = unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, flags|topdir)
	}
}

// settle makes the next run independent of the one before: dirty pages are written, and as much memory as it may need is
// touched and given back.
func settle(bytes int64) error {
	unix.Sync()
	bytes = min(bytes, available()/2)
	if bytes <= 0 {
		return nil
	}
	m, err := unix.Mmap(-1, 0, int(bytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	if err != nil {
		return fmt.Errorf("touch %d bytes of memory: %w", bytes, err)
	}
	return unix.Munmap(m)
}

func available() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "MemAvailable: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}

// makeFile writes size bytes that cannot be compressed, in large pieces, so that they are cached in large folios.
func makeFile(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	random := fast.NewChaCha8([32]byte{})
	b := make([]byte, 1<<20)
	for size > 0 {
		n := min(size, int64(len(b)))
		_, _ = random.Read(b[:n]) // never fails
		if _, err := f.Write(b[:n]); err != nil {
			return err
		}
		size -= n
	}
	return f.Close()
}

// stamp makes a file's content one that nobody has seen, without writing it anew.
func stamp(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var b [32]byte
	rand.Read(b[:])
	if _, err := f.WriteAt(b[:], 0); err != nil {
		return err
	}
	return f.Close()
}

// descriptor is that of a plain file, for which blocking and non-blocking are the same.
func descriptor(f *os.File) int { return int(f.Fd()) } // lint:allow
