package torture

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// nobody is an ordinary user: root is exempt from the limit on pipes.
const nobody = 65534

// TestOneByteSegments is R5: an ordinary user's server, all of whose pipe budget is used up by others, takes bodies that come
// byte by byte, as slowly as may be, and in one go; each is right, and none of it makes a worker spin.
func TestOneByteSegments(t *testing.T) {
	t.Parallel()
	for _, starved := range []bool{false, true} {
		name := "with pipes"
		if starved {
			name = "no pipe budget"
		}
		t.Run(name, func(t *testing.T) {
			r := begin(t)
			home := r.path("home")
			r.must(os.Mkdir(home, 0o755))
			s := r.newServer(filepath.Join(home, "data"), 1)
			if os.Geteuid() == 0 {
				r.shell("chown", "-R", fmt.Sprintf("%d:%d", nobody, nobody), home)
				s.launch = func(c *exec.Cmd) error {
					c.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
					return c.Start()
				}
			}
			if starved {
				taken := r.hogPipes()
				r.Logf("others hold %d pipes", taken)
			}
			s.start()
			w := s.dial()
			defer w.Close()
			w.SetNoDelay(true)
			sizes := []int{100_000, 66_000, 1000}
			if r.long {
				sizes = append(sizes, 1<<20, 4<<20)
			}
			for i, n := range sizes {
				b := make([]byte, n)
				fill(b, r.seed+uint64(i))
				frame := w.frame(proto.TypePutObjects, (&proto.PutObjects{Objects: []proto.Object{{Hash: client.Sum(b), Size: int64(n)}}}).Append(nil), b)
				for j := range frame {
					_, err := w.Write(frame[j : j+1])
					r.must(err)
				}
				r.mustOK(w, "a byte at a time")
				r.readBack(w, b)
			}
			// So slowly that the worker has nothing to do in between: two seconds of one byte every ten milliseconds.
			b := make([]byte, 200_000)
			fill(b, r.seed+100)
			frame := w.frame(proto.TypePutObjects, (&proto.PutObjects{Objects: []proto.Object{{Hash: client.Sum(b), Size: int64(len(b))}}}).Append(nil), b)
			worker := int(s.ready().Workers[0].Pid)
			const drops = 200
			_, err := w.Write(frame[:len(frame)-drops])
			r.must(err)
			time.Sleep(200 * time.Millisecond)
			before, began := processTime(r, worker), time.Now()
			for j := len(frame) - drops; j < len(frame); j++ {
				_, err := w.Write(frame[j : j+1])
				r.must(err)
				time.Sleep(10 * time.Millisecond)
			}
			r.mustOK(w, "a trickle")
			share := float64(processTime(r, worker)-before) / float64(time.Since(began))
			r.Logf("a worker fed a byte every 10 ms takes %.1f %% of a core", 100*share)
			if share > 0.3 { // a spinning one takes all of it
				r.Errorf("the worker spins: %.0f %% of a core", 100*share)
			}
			r.readBack(w, b)
			// A peer that reads byte by byte.
			_, err = w.Write(w.frame(proto.TypeGet, (&proto.Get{Hash: client.Sum(b), Length: -1}).Append(nil), nil))
			r.must(err)
			got := make([]byte, 0, len(b)+4096)
			one := make([]byte, 1)
			for want := proto.PreludeLen; len(got) < want; {
				_, err := w.Read(one)
				r.must(err)
				if got = append(got, one[0]); len(got) == proto.PreludeLen {
					p, err := proto.ParsePrelude(got)
					r.must(err)
					want += int(p.HeaderLen) + int(p.BodyLen)
				}
			}
			if string(got[len(got)-len(b):]) != string(b) {
				r.Error("read byte by byte, the content is another")
			}
			st := s.mustStatus().Workers[0]
			r.Logf("%d pipes open, %d of them small", st.PipesOpen, st.PipesSmall)
			s.mustAnswer()
			w.Close()
			s.stop()
			s.checkAll("afterwards")
		})
	}
}

// mustOK reads a reply that must not be an error.
func (r *round) mustOK(w *wire, what string) {
	r.Helper()
	reply, err := w.read()
	r.must(err)
	code, err := reply.code()
	r.must(err)
	if code != proto.OK || strings.Contains(string(reply.header), "failed") && len(reply.header) > len(`{"failed":[]}`) {
		r.Fatalf("%s: %v %s", what, code, reply.header)
	}
}

// readBack gets a content and compares it.
func (r *round) readBack(w *wire, b []byte) {
	r.Helper()
	_, err := w.Write(w.frame(proto.TypeGet, (&proto.Get{Hash: client.Sum(b), Length: -1}).Append(nil), nil))
	r.must(err)
	reply, err := w.read()
	r.must(err)
	if string(reply.body) != string(b) {
		r.Fatalf("%d bytes were kept as %d others: %s", len(b), len(reply.body), reply.header)
	}
}

// hogPipes takes all that the server's user may have of pipes, in another process, until the round ends; how many it took.
func (r *round) hogPipes() int {
	r.Helper()
	c := startSelf("hog")
	if os.Geteuid() == 0 {
		// The test binary may lie where nobody else may go: the descriptor is the way in.
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	copied := r.path("hog")
	r.shell("cp", os.Args[0], copied)
	r.must(os.Chmod(copied, 0o755))
	c.Path, c.Dir = copied, "/"
	out, err := c.StdoutPipe()
	r.must(err)
	in, err := c.StdinPipe()
	r.must(err)
	c.Stderr = os.Stderr
	r.must(c.Start())
	r.Cleanup(func() { in.Close(); c.Wait() })
	line := make([]byte, 20)
	n, err := out.Read(line)
	r.must(err)
	taken, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	r.must(err)
	return taken
}

// hogChild makes pipes as large as it may until it may no more, and holds them until its input ends.
func hogChild() {
	taken := 0
	for size := 1 << 20; size >= 64<<10; {
		var p [2]int
		if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
			break
		}
		// Keep to what was asked for: what is refused with EPERM has the least size, and does not count as a hog's.
		if _, err := unix.FcntlInt(uintptr(p[0]), unix.F_SETPIPE_SZ, size); err != nil {
			unix.Close(p[0])
			unix.Close(p[1])
			if !errors.Is(err, unix.EPERM) {
				break
			}
			size /= 2
			continue
		}
		taken++
	}
	fmt.Println(taken)
	os.Stdin.Read(make([]byte, 1))
}

// processTime is how much of a processor a process has had.
func processTime(r *round, pid int) time.Duration {
	r.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	r.must(err)
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	user, err := strconv.ParseInt(fields[11], 10, 64)
	r.must(err)
	system, err := strconv.ParseInt(fields[12], 10, 64)
	r.must(err)
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 everywhere
}
