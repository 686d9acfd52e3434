package web

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/stats"
)

// scripted is a store that says what a test wants.
type scripted struct {
	mu    sync.Mutex
	wrong []error
	block chan struct{} // not nil: Ready waits for its end
	asked atomic.Int64
}

func (s *scripted) Ready(int64) []error {
	s.asked.Add(1)
	s.mu.Lock()
	wrong, block := s.wrong, s.block
	s.mu.Unlock()
	if block != nil {
		<-block
	}
	return wrong
}

func (s *scripted) say(wrong ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong = wrong
}

// rig is a server with the test in the place of parent and worker.
type rig struct {
	*Server
	t       *testing.T
	page    *stats.Page
	store   *scripted
	address string
	fd      int // the listener
	taken   atomic.Int64
	gone    sync.Map // connection -> how often
	logMu   sync.Mutex
	log     strings.Builder
}

func newRig(t *testing.T, edit func(*Config)) *rig {
	t.Helper()
	// The runtime's poller opens descriptors of its own at its first use.
	warm, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	warm.Close()
	fds, goroutines := descriptors(t), runtime.NumGoroutine()
	page, err := stats.Create(filepath.Join(t.TempDir(), "page"))
	if err != nil {
		t.Fatal(err)
	}
	page.Slot(1).State.Store(uint64(stats.Ready))
	r := &rig{t: t, page: page, store: &scripted{}}
	cfg := Config{
		Page: page, Slot: page.Slot(1), Store: r.store, Version: "test",
		Gone: func(n uint64) {
			times, _ := r.gone.LoadOrStore(n, new(atomic.Int64))
			times.(*atomic.Int64).Add(1)
		},
		Log: func(level, msg string, err error) {
			r.logMu.Lock()
			defer r.logMu.Unlock()
			fmt.Fprintf(&r.log, "%s: %s: %v\n", level, msg, err)
		},
	}
	cfg.ready.kept = time.Nanosecond
	if edit != nil {
		edit(&cfg)
	}
	r.Server = New(cfg)
	r.listen()
	t.Cleanup(func() {
		unix.Shutdown(r.fd, unix.SHUT_RDWR) // ends the accepting
		if !r.Close(10 * time.Second) {
			t.Error("the server does not end")
		}
		page.Close()
		deadline := time.Now().Add(5 * time.Second)
		for (runtime.NumGoroutine() > goroutines || descriptors(t) > fds) && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		if n := runtime.NumGoroutine(); n > goroutines {
			stacks := make([]byte, 64<<10)
			t.Errorf("%d goroutines, %d before\n%s", n, goroutines, stacks[:runtime.Stack(stacks, true)])
		}
		if n := descriptors(t); n > fds {
			t.Errorf("%d descriptors are open, %d before", n, fds)
		}
		for n := range uint64(r.taken.Load()) {
			if times, ok := r.gone.Load(n + 1); !ok || times.(*atomic.Int64).Load() != 1 {
				t.Errorf("connection %d was not reported gone once: %v", n+1, times)
			}
		}
	})
	return r
}

// listen accepts as the parent does, and hands over.
func (r *rig) listen() {
	r.t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = unix.Listen(fd, 128)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		r.t.Fatal(err)
	}
	r.fd, r.address = fd, fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
	go func() {
		defer unix.Close(fd)
		for {
			c, _, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			if err == unix.EINTR {
				continue
			}
			if err != nil {
				return
			}
			r.Take(c, uint64(r.taken.Add(1)))
		}
	}()
}

// get asks on a connection of its own.
func (r *rig) get(path string) (int, string) {
	r.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	reply, err := client.Get("http://" + r.address + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return reply.StatusCode, string(text)
}

func (r *rig) dial() net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// open waits until so many connections are open.
func (r *rig) open(want int) {
	r.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); r.Len() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%d connections are open, want %d", r.Len(), want)
		}
	}
}

func (r *rig) logged() string {
	r.logMu.Lock()
	defer r.logMu.Unlock()
	return r.log.String()
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
