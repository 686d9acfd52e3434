package splice

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestBudget(t *testing.T) {
	before := descriptors(t)
	pool := NewPool(320<<10, 128<<10)
	var out []*Pipe
	for {
		q, err := pool.Get()
		if errors.Is(err, ErrNone) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, q)
	}
	// 128 + 128, then the 64 KiB that are left.
	if len(out) != 3 || out[0].Size() != 128<<10 || out[2].Size() != 64<<10 {
		t.Fatalf("%d pipes", len(out))
	}
	if s := pool.Stats(); s != (PoolStats{Open: 3, Small: 1, Bytes: 320 << 10}) {
		t.Errorf("all out: %+v", s)
	}
	for _, q := range out {
		pool.Put(q)
	}
	if s := pool.Stats(); s != (PoolStats{Open: 2, Idle: 2, Bytes: 256 << 10}) {
		t.Errorf("all back, the small one closed: %+v", s)
	}
	if q, err := pool.Get(); err != nil || (q != out[0] && q != out[1]) {
		t.Errorf("an idle pipe was not used again: %v", err)
	} else {
		pool.Put(q)
	}
	pool.Close()
	if s := pool.Stats(); s != (PoolStats{}) {
		t.Errorf("closed: %+v", s)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestIdleIsBounded(t *testing.T) {
	pool := NewPool(64<<20, 64<<10)
	defer pool.Close()
	var out []*Pipe
	for range maxIdle + 5 {
		q, err := pool.Get()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, q)
	}
	for _, q := range out {
		pool.Put(q)
	}
	if s := pool.Stats(); s.Idle != maxIdle || s.Open != maxIdle {
		t.Errorf("%+v", s)
	}
}

// What one user's failed transfer left inside must never come out for another.
func TestLeftoversAreClosed(t *testing.T) {
	pool := NewPool(1<<20, 1<<20)
	defer pool.Close()
	secret := file(t, []byte("of user A"))
	q, err := pool.Get()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Fill(int(secret.Fd()), 0, 9); err != nil {
		t.Fatal(err)
	}
	pool.Put(q)
	if s := pool.Stats(); s != (PoolStats{}) {
		t.Errorf("kept: %+v", s)
	}
	q.Close() // again, by an owner who lost count: must not close a stranger's descriptor
	next, err := pool.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Put(next)
	if next == q || next.Len() != 0 {
		t.Error("the pipe with bytes inside was given out")
	}
	if n, err := unix.Read(next.r, make([]byte, 9)); err != unix.EAGAIN {
		t.Errorf("%d bytes inside a new pipe, %v", n, err)
	}
}

func TestNoDescriptors(t *testing.T) {
	if os.Getenv("SPLICE_CHILD") != "descriptors" {
		reexecute(t, "descriptors", nil)
		return
	}
	limit := unix.Rlimit{Cur: 3, Max: 3} // fewer than are open already
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	pool := NewPool(1<<20, 1<<20)
	if _, err := pool.Get(); !errors.Is(err, unix.EMFILE) {
		t.Errorf("got %v, want EMFILE", err)
	}
	if s := pool.Stats(); s != (PoolStats{}) {
		t.Errorf("charged: %+v", s)
	}
}

// An ordinary user has 64 MiB of pipe; past it pipes are small, work, and are counted. Root is exempt, so the test runs
// itself again as somebody else.
func TestPagesOfAnOrdinaryUser(t *testing.T) {
	if os.Getenv("SPLICE_CHILD") != "pages" {
		as := new(syscall.SysProcAttr)
		if os.Getuid() == 0 {
			as.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
		}
		reexecute(t, "pages", as)
		return
	}
	pool := NewPool(1<<30, 1<<20)
	defer pool.Close()
	var out []*Pipe
	for range 80 {
		q, err := pool.Get()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, q)
	}
	s := pool.Stats()
	t.Logf("%+v", s)
	if s.Small == 0 {
		t.Error("none of 80 pipes is small")
	}
	if s.Bytes > 72<<20 {
		t.Errorf("%d bytes in all", s.Bytes)
	}
	// The last and smallest one still carries.
	q := out[len(out)-1]
	from, to := pipeOf(t), pipeOf(t)
	unix.Write(from[1], bytesOf(1000))
	if n, err := q.Fill(from[0], -1, 1000); n == 0 || err != nil {
		t.Fatalf("fill of a pipe of %d bytes: %d, %v", q.Size(), n, err)
	}
	for q.Len() > 0 {
		if _, err := q.Flush(to[1], -1, q.Len(), false); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range out {
		pool.Put(q)
	}
	if s := pool.Stats(); s.Small != 0 || s.Open != s.Idle || s.Idle > maxIdle {
		t.Errorf("after all came back: %+v", s)
	}
	// With room again, the next one is large.
	if q, err := pool.Get(); err != nil || q.Size() != 1<<20 {
		t.Errorf("size %d, %v", q.Size(), err)
	}
}

func pipeOf(t *testing.T) [2]int {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds
}

// reexecute runs the calling test alone in a new process, or skips it where such a process may not be.
func reexecute(t *testing.T, child string, as *syscall.SysProcAttr) {
	t.Helper()
	// Through the open descriptor: another user may not reach the folder the binary lies in.
	binary, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	cmd := exec.Command("/proc/self/fd/3", "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=15s")
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{binary}
	cmd.Env = append(os.Environ(), "SPLICE_CHILD="+child, "GOCOVERDIR=")
	cmd.SysProcAttr = as
	out, err := cmd.CombinedOutput()
	if cmd.Process == nil {
		t.Skipf("start a process as %+v: %v", as, err)
	}
	if strings.Contains(string(out), "--- SKIP: "+t.Name()) {
		t.Skip(string(out))
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
}
