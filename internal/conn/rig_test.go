package conn

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"sluice/internal/poll"
	"sluice/internal/proto"
	"sluice/internal/splice"
	"sluice/internal/stats"
)

// patience is how long a test waits for what is sure to come, on a machine that does much else.
const patience = 20 * time.Second

// rig is a loop with a set of connections behind a listener, and a script in the handler's place.
type rig struct {
	t       testing.TB
	loop    *poll.Loop
	set     *Set
	pipes   *splice.Pool
	slot    *stats.Slot
	page    *stats.Page
	script  *script
	ln      *net.TCPListener
	log     *lines
	changes atomic.Uint64
	known   atomic.Int64
	gone    atomic.Int64
	taken   atomic.Int64
	jobs    sync.WaitGroup
	ended   chan struct{}
}

// lines keeps what was logged.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type options struct {
	limits  Limits
	budget  int64 // of pipes; 0: plenty
	level   logrus.Level
	noPipes bool
}

// newRig starts a loop. When the test ends everything must have been given back.
func newRig(t testing.TB, o options) *rig {
	t.Helper()
	fds, goroutines := openDescriptors(t), runtime.NumGoroutine()
	page, err := stats.Create(filepath.Join(t.TempDir(), "page"))
	if err != nil {
		t.Fatal(err)
	}
	loop, err := poll.New()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if o.budget == 0 {
		o.budget = 64 << 20
	}
	if o.noPipes {
		o.budget = 0
	}
	r := &rig{
		t: t, loop: loop, ln: ln, page: page, slot: page.Slot(0), log: &lines{}, ended: make(chan struct{}),
		pipes: splice.NewPool(o.budget, 1<<20),
	}
	r.script = newScript(t)
	r.script.seen = r.changes.Load
	log := logrus.New()
	log.SetOutput(r.log)
	log.SetLevel(max(o.level, logrus.InfoLevel))
	r.set = NewSet(Config{
		Loop: loop, Row: r.script.row, Pipes: r.pipes, Changes: r.changes.Load, Log: log, Slot: r.slot,
		Jobs: func(f func()) {
			r.jobs.Add(1)
			go func() {
				defer r.jobs.Done()
				r.script.pass("jobs")
				f()
			}()
		},
		Known:  func(uint64) { r.known.Add(1) },
		Gone:   func(uint64) { r.gone.Add(1) },
		Limits: o.limits,
	})
	r.set.trace = r.edge
	loop.OnPanic = func(_ poll.Token, p any) { t.Errorf("panic on the loop: %v", p) }
	go func() {
		defer close(r.ended)
		if err := loop.Run(); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		r.script.openAll()
		r.on(func() { r.set.Kill() })
		r.waitFor("the connections' end", func() bool { return r.gone.Load() == r.taken.Load() })
		r.jobs.Wait()
		loop.Stop()
		<-r.ended
		if s := r.pipes.Stats(); s.Open != s.Idle {
			t.Errorf("%d pipes are open, %d of them idle", s.Open, s.Idle)
		}
		r.pipes.Close()
		ln.Close()
		loop.Close()
		r.script.close()
		for name, value := range map[string]int64{
			"connections": r.slot.Connections.Load(), "parked": r.slot.Parked.Load(), "jobs": r.slot.Jobs.Load(),
		} {
			if value != 0 {
				t.Errorf("gauge %s is %d at the end", name, value)
			}
		}
		page.Close()
		deadline := time.Now().Add(patience)
		for runtime.NumGoroutine() > goroutines && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		if n := runtime.NumGoroutine(); n > goroutines {
			t.Errorf("%d goroutines, %d before", n, goroutines)
		}
		if n := openDescriptors(t); n != fds {
			t.Errorf("%d descriptors are open, %d before", n, fds)
		}
		if t.Failed() {
			t.Logf("log:\n%s", r.log)
		}
	})
	return r
}

// edge checks every change of state against the table.
func (r *rig) edge(from, to state) {
	if to != closed && to != linger && !slices.Contains(table[from].to, to) {
		r.t.Errorf("%s -> %s is not in the table", from, to)
	}
}

// on runs f on the loop and waits for it.
func (r *rig) on(f func()) {
	done := make(chan struct{})
	r.loop.Post(func() { f(); close(done) })
	<-done
}

// sync lets the loop see what the test has set in the script, and the test what jobs have left there: the race detector
// does not follow a socket.
func (r *rig) sync() { r.on(func() {}) }

func (r *rig) waitFor(what string, f func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for r.sync(); !f(); r.sync() {
		if time.Now().After(deadline) {
			r.t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// waitState waits until some connection stands in s.
func (r *rig) waitState(s state) {
	r.t.Helper()
	r.waitFor("state "+s.String(), func() bool {
		found := false
		r.on(func() {
			for c := range r.set.conns {
				found = found || c.state == s
			}
		})
		return found
	})
}

// setLimits sets the limits of all connections, those that wait already too: what is still on its way into a state is not to
// be ended by them, however slow the machine.
func (r *rig) setLimits(limit time.Duration) {
	r.on(func() {
		l := &r.set.limits
		l.Idle, l.IdleBefore, l.Header, l.RateWindow, l.Linger = limit, limit, limit, limit, limit
		for c := range r.set.conns {
			if f := c.front; f != nil {
				f.rateEnd, f.park.Until = timeZero, r.loop.Now().Add(limit)
			}
			c.arm(table[c.state].limit)
		}
	})
}

// dial connects a client. Small: its buffers are, so that replies soon fill them.
func (r *rig) dial(small bool) *client {
	r.t.Helper()
	d := net.Dialer{}
	if small {
		d.Control = func(_, _ string, raw syscallConn) error {
			return raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
		}
	}
	near, err := d.Dial("tcp", r.ln.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	far, err := r.ln.AcceptTCP()
	if err != nil {
		r.t.Fatal(err)
	}
	raw, err := far.SyscallConn()
	if err != nil {
		r.t.Fatal(err)
	}
	fd := -1
	_ = raw.Control(func(p uintptr) { fd, err = unix.FcntlInt(p, unix.F_DUPFD_CLOEXEC, 3) })
	if err != nil {
		r.t.Fatal(err)
	}
	far.Close()
	if small {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4096)
	}
	id := uint64(r.taken.Add(1))
	r.on(func() { r.set.Take(fd, id, near.LocalAddr().String()) })
	c := &client{t: r.t, rig: r, TCPConn: near.(*net.TCPConn)}
	r.t.Cleanup(func() { c.Close() })
	return c
}

// logIn connects a client and logs it in.
func (r *rig) logIn(small bool) *client {
	r.t.Helper()
	c := r.dial(small)
	c.ask(proto.TypeHello, 1, helloHeader, nil)
	c.want(proto.TypeHello, 1, proto.OK)
	return c
}

// answers is how every test of a hostile peer ends: and the server still answers.
func (r *rig) answers() {
	r.t.Helper()
	c := r.dial(false)
	defer c.Close()
	c.ask(proto.TypePing, 7, nil, nil)
	c.want(proto.TypePing, 7, proto.OK)
}

// client is the other end of a connection.
type client struct {
	t   testing.TB
	rig *rig
	*net.TCPConn
}

var helloHeader = (&proto.Hello{Versions: []uint8{1}, Agent: "test"}).Append(nil)

// frame is a request's bytes.
func frame(ty proto.Type, number uint32, header, body []byte) []byte {
	p := proto.Prelude{Version: proto.Version, Type: ty, Number: number, HeaderLen: uint32(len(header)), BodyLen: uint64(len(body))}
	return slices.Concat(p.Append(nil), header, body)
}

func (c *client) ask(ty proto.Type, number uint32, header, body []byte) {
	c.t.Helper()
	c.bytes(frame(ty, number, header, body))
}

func (c *client) bytes(b []byte) {
	c.t.Helper()
	c.rig.sync()
	c.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.Write(b); err != nil {
		c.t.Fatalf("client: %v", err)
	}
}

// delivered waits until the server's socket has all that was sent.
func (c *client) delivered() {
	c.t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		c.t.Fatal(err)
	}
	c.rig.waitFor("the delivery", func() bool {
		left := -1
		_ = raw.Control(func(fd uintptr) { left, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
		return left == 0 && err == nil
	})
}

// reply reads one reply.
func (c *client) reply() (proto.Prelude, []byte, []byte) {
	c.t.Helper()
	p, header, body, err := c.tryReply()
	if err != nil {
		c.t.Fatalf("client: read a reply: %v", err)
	}
	return p, header, body
}

func (c *client) tryReply() (p proto.Prelude, header, body []byte, err error) {
	c.SetReadDeadline(time.Now().Add(patience))
	defer c.rig.sync()
	var b [proto.PreludeLen]byte
	if _, err = io.ReadFull(c, b[:]); err != nil {
		return
	}
	if p, err = proto.ParsePrelude(b[:]); err != nil {
		return
	}
	header = make([]byte, p.HeaderLen)
	if _, err = io.ReadFull(c, header); err != nil {
		return
	}
	body = make([]byte, p.BodyLen)
	_, err = io.ReadFull(c, body)
	return
}

// want reads a reply and holds it against type, number and code.
func (c *client) want(ty proto.Type, number uint32, code proto.Code) (proto.Prelude, []byte) {
	c.t.Helper()
	p, header, body := c.reply()
	got := proto.OK
	if p.Flags&proto.FlagError != 0 {
		e, err := proto.ParseError(header)
		if err != nil {
			c.t.Fatalf("error reply %q: %v", header, err)
		}
		got = e.Code
	}
	if p.Type != ty || p.Number != number || got != code {
		c.t.Fatalf("reply %d of type %s with %v (%s), wanted %d, %s, %v", p.Number, p.Type, got, header, number, ty, code)
	}
	return p, body
}

// ends reads to the end of the connection, which must come.
func (c *client) ends() {
	c.t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
		c.t.Fatalf("the connection does not end: %v", err)
	}
}

// reset closes the connection with a reset.
func (c *client) reset() {
	c.SetLinger(0)
	c.Close()
}

func openDescriptors(t testing.TB) int {
	t.Helper()
	// The runtime's own poller opens its descriptors at first use.
	if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		ln.Close()
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// pattern is n bytes that do not repeat.
func pattern(n int, seed uint64) []byte {
	b := make([]byte, n+8)
	source := rand.NewPCG(seed, 1)
	for i := 0; i < n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], source.Uint64())
	}
	return b[:n]
}

func chunkHeader(upload int64) []byte {
	return (&proto.UploadChunk{Upload: upload}).Append(nil)
}

func objectsHeader(size int) []byte {
	return (&proto.PutObjects{Objects: []proto.Object{{Size: int64(size)}}}).Append(nil)
}

var (
	changesHeader = (&proto.Changes{WaitMs: 60_000}).Append(nil)
	getHeader     = (&proto.Get{Length: -1}).Append(nil)
)
