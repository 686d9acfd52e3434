package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// folder is the path of a data folder; its methods are what lies where. DESIGN.md shows the picture.
type folder string

func (f folder) in(name string) string { return filepath.Join(string(f), name) }

func (f folder) database() string      { return f.in("sluice.db") }
func (f folder) gate() string          { return f.in("writer.lock") }
func (f folder) schemaLock() string    { return f.in("schema.lock") }
func (f folder) keeperLock() string    { return f.in("keeper.lock") }
func (f folder) lifeLock() string      { return f.in("life.lock") }
func (f folder) collectorLock() string { return f.in("collector.lock") }
func (f folder) scrubLock() string     { return f.in("scrub.lock") }
func (f folder) quarantine() string    { return f.in("quarantine") }
func (f folder) reserve() string       { return f.in("reserve") }
func (f folder) logReserve() string    { return f.in("reserve-log") }
func (f folder) objects() string       { return f.in("objects") }
func (f folder) segments() string      { return f.in("segments") }

// objectFolder is where the file of content number lies, with up to 1,023 others.
func (f folder) objectFolder(number int64) string {
	return filepath.Join(f.objects(), fmt.Sprintf("%08x", number>>folderBits))
}

func (f folder) object(number int64) string {
	return filepath.Join(f.objectFolder(number), fmt.Sprintf("%016x", number))
}

func (f folder) segment(number int64) string {
	return filepath.Join(f.segments(), fmt.Sprintf("%016x", number))
}

// ours are all names that may stand in a data folder before it is one: what a parent makes before start-up, and what
// file systems put there.
var ours = []string{"server.lock", "schema.lock", "keeper.lock", "writer.lock", "life.lock", "collector.lock", "scrub.lock", "control.sock", "page", "reserve", "reserve-log",
	"objects", "segments", "lost+found"}

// make makes what is missing of the folder, durably. A folder that holds other things is refused: --data with a typing
// error must not turn a home folder into a data folder.
func (f folder) make() error {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(string(f))
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == filepath.Base(f.database()) }) {
		for _, e := range entries {
			if !slices.Contains(ours, e.Name()) {
				return fmt.Errorf("%s is not a data folder and not empty (it holds %q): name another or an empty folder", f, e.Name())
			}
		}
		for _, dir := range []string{f.objects(), f.segments()} {
			if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
		}
		if err := syncFolder(filepath.Dir(filepath.Clean(string(f)))); err != nil {
			return err
		}
		return syncFolder(string(f))
	}
	for _, dir := range []string{f.objects(), f.segments()} {
		if _, err := os.Stat(dir); err != nil {
			return fmt.Errorf("%w: %s is missing, though there is a database; if it is a mount, mount it and start again", ErrDamaged, dir)
		}
	}
	return nil
}

// makeLocks makes the files of the locks that are not taken before something is to be collected or scrubbed: a full disk may have
// no room for a name, and collecting is what makes room. Who misses one makes it.
func (f folder) makeLocks() {
	for _, path := range []string{f.collectorLock(), f.scrubLock()} {
		if fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600); err == nil {
			unix.Close(fd)
		}
	}
}

// numbered lists the files of a folder whose names are numbers from first up to, not including, end. A missing folder
// holds none.
func numbered(dir string, first, end int64) ([]int64, error) {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var all []int64
	for _, name := range names {
		n, err := strconv.ParseInt(name, 16, 64)
		if err == nil && len(name) == 16 && n >= first && n < end {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all, nil
}

// errUntried marks a sync that was not tried: nothing is known to be lost, and it may be tried again.
var errUntried = errors.New("not tried")

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%w: open %s: %w", errUntried, dir, err)
	}
	defer unix.Close(fd)
	if err := again(func() error { return syncNames(fd) }); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// again repeats a system call that a signal interrupted.
func again(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
