package syncer

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// temps makes names for temporary files that no other run uses: .sluice-tmp-RUN-N is a file, .sluice-tmp-set-RUN-N a set that
// is not whole yet, or not any more. All that has such a name is the run's own.
type temps struct {
	run  string
	next atomic.Int64
}

// stagePrefix begins the names of sets.
const stagePrefix = tempPrefix + "set-"

// runBytes is how many random bytes tell runs apart.
const runBytes = 6

func (t *temps) init() {
	var b [runBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	t.run = hex.EncodeToString(b[:]) + "-"
}

// made says whether a name is one of this run's.
func (t *temps) made(name string) bool {
	return strings.HasPrefix(name, tempPrefix+t.run) || strings.HasPrefix(name, stagePrefix+t.run)
}

func (t *temps) id() string { return t.run + strconv.FormatInt(t.next.Add(1), 36) }

func (t *temps) name() string { return tempPrefix + t.id() }

// stage is a name for a set.
func (t *temps) stage() string { return stagePrefix + t.id() }

// isTemp says whether some run gives such names. Others that begin like it are left alone, as somebody's own.
func isTemp(name string) bool {
	if _, ok := asideNamed(name); ok || strings.HasPrefix(name, partialPrefix) {
		return true
	}
	id, ok := strings.CutPrefix(name, stagePrefix)
	if !ok {
		id = strings.TrimPrefix(name, tempPrefix)
	}
	run, n, _ := strings.Cut(id, "-")
	_, err := strconv.ParseUint(n, 36, 63)
	b, bad := hex.DecodeString(run)
	return err == nil && bad == nil && len(b) == runBytes
}

// fullDisk is the error of a local disk or quota that has no more room, nil for any other: then nothing further can be
// kept.
func fullDisk(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return coded(client.ExitSpace, "this disk is full: make room, then run the same command again (%v)", err)
	}
	return nil
}

// written is a temporary file with its content, mode and time, waiting to be made durable and renamed.
type written struct {
	Step
	temp   string
	dev    uint64
	ino    uint64 // of the temporary file
	synced bool   // durable already
	now    facts  // once it has its name
}

// writeTemp writes a temporary file or link into the folder, and tells its number. On an error nothing of it is left.
func writeTemp(folder int, name string, n *Node, data []byte, sync bool) (ino uint64, err error) {
	if n.Kind == proto.KindLink {
		return linkTemp(folder, name, n, data)
	}
	fd, err := createTemp(folder, name)
	if err != nil {
		return 0, err
	}
	defer func() {
		unix.Close(fd)
		if err != nil {
			_ = unix.Unlinkat(folder, name, 0)
		}
	}()
	for b := data; len(b) > 0; {
		w, err := retry(func() (int, error) { return unix.Write(fd, b) })
		if err != nil {
			return 0, fmt.Errorf("write: %w", err)
		}
		b = b[w:]
	}
	if err := finishTemp(fd, n, sync); err != nil {
		return 0, err
	}
	var st unix.Stat_t
	err = fstat(fd, &st)
	return st.Ino, err
}

func createTemp(folder int, name string) (int, error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(folder, name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	})
	if err != nil {
		return -1, fmt.Errorf("create a temporary file: %w", err)
	}
	return fd, nil
}

// finishTemp gives a temporary file the mode and time of n.
func finishTemp(fd int, n *Node, sync bool) error {
	if n.Mode != 0o600 {
		if err := unix.Fchmod(fd, n.Mode); err != nil {
			return fmt.Errorf("set the mode: %w", err)
		}
	}
	if err := setTimeOf(fd, n.Mtime); err != nil {
		return err
	}
	if sync {
		if _, err := retry(func() (int, error) { return 0, unix.Fdatasync(fd) }); err != nil {
			return fmt.Errorf("sync: %w", err)
		}
	}
	return nil
}

func linkTemp(folder int, name string, n *Node, target []byte) (ino uint64, err error) {
	if len(target) == 0 || len(target) >= maxTarget {
		return 0, errors.New("its target is empty or too long for a link")
	}
	for _, c := range target {
		if c == 0 {
			return 0, errors.New("its target holds a zero byte")
		}
	}
	if err := unix.Symlinkat(string(target), folder, name); err != nil {
		return 0, fmt.Errorf("make the link: %w", err)
	}
	var st unix.Stat_t
	if err = setTime(folder, name, n.Mtime); err == nil {
		err = unix.Fstatat(folder, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	}
	if err != nil {
		_ = unix.Unlinkat(folder, name, 0)
	}
	return st.Ino, err
}

// setTime sets the time of a name, of the link itself if it is one. The time of last access is left alone.
func setTime(folder int, name string, mtime int64) error {
	ts := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, timespec(mtime)}
	if err := unix.UtimesNanoAt(folder, name, ts, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("set the time: %w", err)
	}
	return nil
}

// setTimeOf sets the time of an open file or folder. (x/sys has utimensat by path only.)
func setTimeOf(fd int, mtime int64) error {
	ts := [2]unix.Timespec{{Nsec: unix.UTIME_OMIT}, timespec(mtime)}
	_, _, e := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
	if e != 0 {
		return fmt.Errorf("set the time: %w", e)
	}
	return nil
}

// deviceOf tells which file system an open folder, and what is created in it, lies on.
func deviceOf(fd int) (uint64, error) {
	var st unix.Stat_t
	if err := fstat(fd, &st); err != nil {
		return 0, err
	}
	return st.Dev, nil
}

// timespec splits ns since 1970; times before it have a negative second and a positive rest.
func timespec(ns int64) unix.Timespec {
	sec, rest := ns/1e9, ns%1e9
	if rest < 0 {
		sec--
		rest += 1e9
	}
	return unix.Timespec{Sec: sec, Nsec: rest}
}
