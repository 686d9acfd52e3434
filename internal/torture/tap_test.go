package torture

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"sluice/internal/handoff"
)

// tap sees every system call of a server that touches files, before it is carried out, and may make it fail, do less than
// was asked, or end the process there. It uses seccomp's user notification: unlike strace it counts the calls of all
// threads and processes together, so "the n-th" is one call; it moves real bytes where a call is to be short; it needs
// neither root nor another program.
type tap struct {
	*round
	data string // calls about other files pass

	mu     sync.Mutex
	events []event // since record
	record bool
	armed  fault
	seen   int // calls that matched since arm
	fired  int
	victim int // the process in which the fault fired last
}

// event is one call about a file of the data folder.
type event struct {
	pid     int // of the process
	thread  int
	call    string
	path    string // below the data folder; of the folder itself: "."
	offset  int64
	length  int64
	created bool // openat with O_CREAT
	into    bool // splice into the file, not out of it
}

// sharing are the ioctls that are seen: those that share extents.
var sharing = []uint64{unix.FICLONE, unix.FICLONERANGE}

// fault says which call fails and how.
type fault struct {
	call   string              // or every
	match  func(e *event) bool // nil: any
	nth    int                 // from 1
	onward bool                // that one and all after it
	errno  unix.Errno          // what it fails with, not carried out
	short  bool                // instead: half of what was asked is done
	kill   bool                // instead: the process ends before the call
}

// every is a fault's call where it is any of those that are seen.
const every = "every"

// tapped are the calls that are seen, with the numbers they have on amd64.
var tapped = map[int32]string{
	unix.SYS_OPENAT: "openat", unix.SYS_MKDIRAT: "mkdirat", unix.SYS_UNLINKAT: "unlinkat", unix.SYS_PWRITE64: "pwrite64",
	unix.SYS_PREAD64: "pread64", unix.SYS_SPLICE: "splice", unix.SYS_FDATASYNC: "fdatasync", unix.SYS_FSYNC: "fsync",
	unix.SYS_FALLOCATE: "fallocate", unix.SYS_FTRUNCATE: "ftruncate", 83: "mkdirat", 87: "unlinkat",
	unix.SYS_TRUNCATE: "truncate", unix.SYS_RENAMEAT2: "renameat2", unix.SYS_COPY_FILE_RANGE: "copy_file_range", unix.SYS_IOCTL: "ioctl",
}

const (
	oldMkdir, oldUnlink = 83, 87 // without a folder's descriptor, and so with the path first
	auditArch           = unix.AUDIT_ARCH_X86_64
	tapFD               = 3 // the tap's child finds its channel there
)

// needTap skips where the kernel or the machine has no tap.
func (r *round) needTap() {
	r.Helper()
	if runtime.GOARCH != "amd64" {
		r.Skip("the tap knows the system calls of amd64 only")
	}
}

// tap makes a server start under a tap.
func (s *server) tap() *tap {
	s.Helper()
	s.needTap()
	t := &tap{round: s.round, data: s.data}
	s.launch = t.launch
	return t
}

// launch starts this test binary, which takes on the filter, hands its listener over and becomes the server.
func (t *tap) launch(c *exec.Cmd) error {
	mine, theirs, err := handoff.Pair()
	if err != nil {
		return err
	}
	channel := handoff.New(mine)
	defer channel.Close()
	end := os.NewFile(uintptr(theirs), "tap")
	c.Args = append([]string{os.Args[0], c.Path}, c.Args[1:]...)
	c.Path = os.Args[0]
	c.Env = append(c.Env, roleVariable+"=tap")
	c.ExtraFiles = []*os.File{end}
	err = c.Start()
	end.Close()
	if err != nil {
		return err
	}
	set := []unix.PollFd{{Fd: int32(mine), Events: unix.POLLIN}}
	if n, err := poll(set, 10_000); n == 0 || err != nil {
		return fmt.Errorf("the tap's child says nothing: %v", err)
	}
	_, listener, err := channel.Recv()
	if err != nil {
		return fmt.Errorf("no tap: %w", err)
	}
	go t.serve(listener)
	return nil
}

// tapChild is the child: the filter holds for this thread and for all that it becomes.
func tapChild() {
	runtime.LockOSThread()
	fail := func(what string, err error) {
		fmt.Fprintf(os.Stderr, "tap: %s: %v\n", what, err)
		os.Exit(1)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		fail("no new privileges", err)
	}
	program := tapFilter()
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	const newListener, waitKillable = 1 << 3, 1 << 5
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, 1 /* SECCOMP_SET_MODE_FILTER */, newListener|waitKillable, uintptr(unsafe.Pointer(&filter)))
	if errno != 0 {
		fail("seccomp", errno)
	}
	if err := handoff.New(tapFD).Send(handoff.Message{Kind: handoff.Socket}, int(fd)); err != nil {
		fail("hand over", err)
	}
	unix.CloseOnExec(tapFD)
	environment := make([]string, 0, len(os.Environ()))
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, roleVariable+"=") {
			environment = append(environment, e)
		}
	}
	fail("exec", unix.Exec(os.Args[1], os.Args[1:], environment))
}

// tapFilter asks the listener about the calls in tapped, and lets all others pass.
func tapFilter() []unix.SockFilter {
	const load, equal, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	const allow, notify = 0x7fff0000, 0x7fc00000
	left := len(tapped)
	program := []unix.SockFilter{
		{Code: load, K: 4}, // arch
		{Code: equal, K: auditArch, Jt: 1},
		{Code: ret, K: allow},
		{Code: load, K: 0}, // number
	}
	for number := range tapped {
		program = append(program, unix.SockFilter{Code: equal, K: uint32(number), Jt: uint8(left)})
		left--
	}
	return append(program, unix.SockFilter{Code: ret, K: allow}, unix.SockFilter{Code: ret, K: notify})
}

// notice and verdict are struct seccomp_notif and seccomp_notif_resp.
type notice struct {
	id    uint64
	pid   uint32 // of the thread
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

type verdict struct {
	id    uint64
	value int64
	err   int32
	flags uint32
}

const carryOn = 1 // SECCOMP_USER_NOTIF_FLAG_CONTINUE

// serve answers until the last process under the filter is gone. It owns listener.
func (t *tap) serve(listener int) {
	defer unix.Close(listener)
	for {
		set := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := poll(set, -1); err != nil || set[0].Revents&unix.POLLIN == 0 {
			return
		}
		var n notice
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n))); errno != 0 {
			continue // the thread was killed meanwhile
		}
		v := t.judge(&n)
		v.id = n.id
		// Fails where the thread was killed meanwhile: nobody waits for the answer then.
		unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&v)))
	}
}

func poll(set []unix.PollFd, timeout int) (int, error) {
	for {
		n, err := unix.Poll(set, timeout)
		if err != unix.EINTR {
			return n, err
		}
	}
}

// judge says what becomes of a call.
func (t *tap) judge(n *notice) verdict {
	pass := verdict{flags: carryOn}
	e := t.understand(n)
	if e == nil {
		return pass
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.record {
		t.events = append(t.events, *e)
	}
	f := &t.armed
	if f.call != e.call && f.call != every || f.match != nil && !f.match(e) {
		return pass
	}
	if t.seen++; t.seen < f.nth || t.seen > f.nth && !f.onward {
		return pass
	}
	t.fired++
	t.victim = e.pid
	switch {
	case f.kill:
		unix.Kill(e.pid, unix.SIGKILL)
		return verdict{err: -int32(unix.EIO)}
	case f.short:
		done, err := half(n, e)
		if err != nil {
			t.Errorf("carry out half of %+v: %v", *e, err)
			return pass
		}
		return done
	}
	return verdict{err: -int32(f.errno)}
}

// understand finds the file a call is about; nil: none of the data folder.
func (t *tap) understand(n *notice) *event {
	e := &event{call: tapped[n.nr], thread: int(n.pid)}
	fd := func(arg int) string {
		path, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", n.pid, int32(n.args[arg])))
		return strings.TrimSuffix(path, " (deleted)")
	}
	text := func(arg int) string {
		path := readText(int(n.pid), uintptr(n.args[arg]))
		if arg == 1 && !filepath.IsAbs(path) {
			path = filepath.Join(fd(0), path)
		}
		return path
	}
	path := ""
	switch e.call {
	case "openat":
		path, e.created = text(1), n.args[2]&unix.O_CREAT != 0
	case "mkdirat", "unlinkat":
		arg := 1
		if n.nr == oldMkdir || n.nr == oldUnlink {
			arg = 0
		}
		path = text(arg)
	case "truncate":
		path, e.length = text(0), int64(n.args[1])
	case "renameat2":
		path = text(1)
	case "ioctl":
		if !slices.Contains(sharing, n.args[1]) {
			return nil
		}
		path = fd(0)
	case "copy_file_range":
		path, e.length = fd(2), int64(n.args[4])
	case "pwrite64", "pread64":
		path, e.length, e.offset = fd(0), int64(n.args[2]), int64(n.args[3])
	case "splice": // into a file, or out of one
		e.length = int64(n.args[4])
		path = fd(2)
		if e.into = strings.HasPrefix(path, t.data); !e.into {
			path = fd(0)
		}
	case "fallocate":
		path, e.offset, e.length = fd(0), int64(n.args[2]), int64(n.args[3])
	case "ftruncate":
		path, e.length = fd(0), int64(n.args[1])
	default:
		path = fd(0)
	}
	rest, ours := strings.CutPrefix(path, t.data)
	if !ours {
		return nil
	}
	if e.path = strings.TrimPrefix(rest, "/"); e.path == "" {
		e.path = "."
	}
	e.pid = group(int(n.pid))
	return e
}

// group is a thread's process.
func group(tid int) int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	_, after, found := bytes.Cut(status, []byte("\nTgid:"))
	pid := 0
	if found {
		fmt.Sscan(string(after[:min(len(after), 20)]), &pid)
	}
	return pid
}

// readText reads a path out of another process.
func readText(pid int, at uintptr) string {
	var b [4096]byte
	for n := 0; n < len(b); {
		// Up to the end of a page: the next one may not be there.
		step := min(len(b)-n, 4096-int((at+uintptr(n))%4096))
		local := []unix.Iovec{{Base: &b[n], Len: uint64(step)}}
		got, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: at + uintptr(n), Len: step}}, 0)
		if err != nil || got == 0 {
			return ""
		}
		if end := bytes.IndexByte(b[n:n+got], 0); end >= 0 {
			return string(b[:n+end])
		}
		n += got
	}
	return ""
}

// half carries out the first half of a call in the other process's place.
func half(n *notice, e *event) (verdict, error) {
	take := func(arg int) (int, error) {
		process, err := unix.PidfdOpen(e.pid, 0)
		if err != nil {
			return -1, err
		}
		defer unix.Close(process)
		return unix.PidfdGetfd(process, int(int32(n.args[arg])), 0)
	}
	length := max(e.length/2, 1)
	first, err := take(0)
	if err != nil {
		return verdict{}, err
	}
	defer unix.Close(first)
	switch e.call {
	case "pwrite64", "pread64":
		b := make([]byte, length)
		local := []unix.Iovec{{Base: &b[0], Len: uint64(length)}}
		remote := []unix.RemoteIovec{{Base: uintptr(n.args[1]), Len: int(length)}}
		if e.call == "pread64" {
			got, err := unix.Pread(first, b, e.offset)
			if err != nil || got == 0 {
				return verdict{}, err
			}
			local[0].Len, remote[0].Len = uint64(got), got
			_, err = unix.ProcessVMWritev(int(n.pid), local, remote, 0)
			return verdict{value: int64(got)}, err
		}
		if _, err := unix.ProcessVMReadv(int(n.pid), local, remote, 0); err != nil {
			return verdict{}, err
		}
		put, err := unix.Pwrite(first, b, e.offset)
		return verdict{value: int64(put)}, err
	case "splice", "copy_file_range":
		second, err := take(2)
		if err != nil {
			return verdict{}, err
		}
		defer unix.Close(second)
		offset := func(arg int) (*int64, error) {
			if n.args[arg] == 0 {
				return nil, nil
			}
			v := new(int64)
			local := []unix.Iovec{{Base: (*byte)(unsafe.Pointer(v)), Len: 8}}
			_, err := unix.ProcessVMReadv(int(n.pid), local, []unix.RemoteIovec{{Base: uintptr(n.args[arg]), Len: 8}}, 0)
			return v, err
		}
		in, err := offset(1)
		if err != nil {
			return verdict{}, err
		}
		out, err := offset(3)
		if err != nil {
			return verdict{}, err
		}
		var moved int64
		if e.call == "splice" {
			moved, err = unix.Splice(first, in, second, out, int(length), int(n.args[5]))
		} else {
			var copied int
			copied, err = unix.CopyFileRange(first, in, second, out, int(length), int(n.args[5]))
			moved = int64(copied)
		}
		if errno, ok := err.(unix.Errno); ok {
			return verdict{err: -int32(errno)}, nil
		}
		for arg, v := range map[int]*int64{1: in, 3: out} {
			if v != nil {
				local := []unix.Iovec{{Base: (*byte)(unsafe.Pointer(v)), Len: 8}}
				if _, err := unix.ProcessVMWritev(int(n.pid), local, []unix.RemoteIovec{{Base: uintptr(n.args[arg]), Len: 8}}, 0); err != nil {
					return verdict{}, err
				}
			}
		}
		return verdict{value: moved}, nil
	}
	return verdict{}, fmt.Errorf("BUG: %s cannot be short", e.call)
}

// arm sets a fault; calls are counted from now on.
func (t *tap) arm(f fault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.armed, t.seen, t.fired, t.victim = f, 0, 0, 0
}

// disarm lets all calls pass and tells how often the fault fired, and in which process last.
func (t *tap) disarm() (fired, victim int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.armed = fault{}
	return t.fired, t.victim
}

// recorded gives the calls since the last time it was asked, and goes on recording.
func (t *tap) recorded() []event {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.events
	t.events, t.record = nil, true
	return all
}

// committing tells, for a fault's match, whether a sync of the database's log is a commit's: since the record was last asked
// for its thread has written frames. The keeper syncs the log too, before it moves it into the database.
func (t *tap) committing(sync *event) bool {
	return slices.ContainsFunc(t.events, func(e event) bool {
		return e.call == "pwrite64" && e.path == databaseLog && e.thread == sync.thread
	})
}
