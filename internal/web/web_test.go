package web

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"sluice/internal/stats"
	"sluice/internal/store"
)

func TestPaths(t *testing.T) {
	r := newRig(t, nil)
	r.page.Slot(1).Requests.Store(42)
	for _, row := range []struct {
		path   string
		status int
		text   string
	}{
		{"/healthz", 200, "ok\n"},
		{"/readyz", 200, "ready\n"},
		{"/", 200, "/metrics"},
		{"/metrics", 200, `sluice_requests_total{worker="1"} 42`},
		{"/metrics/", 404, ""},
		{"/../../etc/passwd", 404, ""},
		{"/debug/pprof/", 404, ""},
	} {
		status, text := r.get(row.path)
		if status != row.status || !strings.Contains(text, row.text) {
			t.Errorf("%s: %d %q", row.path, status, text)
		}
	}
	_, text := r.get("/metrics")
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := families["sluice_http_connections"].GetMetric()[0].GetGauge().GetValue(); got != 1 {
		t.Errorf("the scrape's own connection: %v", got)
	}
	for name := range families {
		if !strings.HasPrefix(name, "sluice_") {
			t.Errorf("%s is of one process only", name)
		}
	}
}

func TestMethods(t *testing.T) {
	r := newRig(t, nil)
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
		c := r.dial()
		fmt.Fprintf(c, "%s /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", method)
		reply, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if reply.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %s", method, reply.Status)
		}
		c.Close()
	}
}

// A page elsewhere that makes its own name mean this machine must not read the numbers through a browser.
func TestForeignHost(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:9440": true, "LocalHost:1": true, "127.0.0.1": true, "127.0.0.1:9440": true,
		"[::1]:9440": true, "[::1]": true, "": true,
		"evil.example": false, "evil.example:9440": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false,
	} {
		if got := local(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
	r := newRig(t, nil)
	c := r.dial()
	io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n")
	reply, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || reply.StatusCode != http.StatusForbidden {
		t.Fatalf("%v, %v", reply, err)
	}
}

func TestReadyz(t *testing.T) {
	r := newRig(t, nil)
	ask := func(status int, words ...string) {
		t.Helper()
		got, text := r.get("/readyz")
		if got != status {
			t.Errorf("status %d, want %d: %s", got, status, text)
		}
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("%q does not say %q", text, w)
			}
		}
		if strings.Contains(text, "/srv") {
			t.Errorf("%q tells where files are", text)
		}
	}
	ask(200, "ready")
	r.store.say(store.ErrReadOnly, fmt.Errorf("%w: 5 bytes free, at least 9 wanted", store.ErrSpace), errors.New("write to /srv/data: input/output error"))
	ask(503, "store:", "space:", "data:")
	if log := r.logged(); !strings.Contains(log, "warn: not ready") || !strings.Contains(log, "/srv/data") {
		t.Errorf("the log does not tell the causes:\n%s", log)
	}
	ask(503)
	if n := strings.Count(r.logged(), "not ready"); n != 1 {
		t.Errorf("the same was logged %d times", n)
	}
	r.store.say()
	ask(200)
	if !strings.Contains(r.logged(), "ready again") {
		t.Error("the log does not say that all is well again")
	}
	// Another worker's store has stopped: this worker's numbers say so too.
	other := r.page.Slot(5)
	other.State.Store(uint64(stats.Ready))
	other.ReadOnly.Store(1)
	ask(503, "store:")
	other.State.Store(uint64(stats.Ended)) // its successor is well
	ask(200)
}

// A store that hangs makes a late answer, not a silent one; whoever asks meanwhile waits for the same look.
func TestReadyzOfAStoreThatHangs(t *testing.T) {
	r := newRig(t, func(c *Config) { c.ready.wait = 50 * time.Millisecond })
	r.store.block = make(chan struct{})
	for range 3 {
		if status, text := r.get("/readyz"); status != 503 || !strings.Contains(text, "no answer") {
			t.Errorf("%d %q", status, text)
		}
	}
	if n := r.store.asked.Load(); n != 1 {
		t.Errorf("the store was asked %d times", n)
	}
	if r.Close(20 * time.Millisecond) {
		t.Error("closed while the store was still being asked")
	}
	close(r.store.block)
	if !r.Close(10 * time.Second) {
		t.Error("not closed though the store has answered")
	}
}

func TestReadyzIsKept(t *testing.T) {
	r := newRig(t, func(c *Config) { c.ready.kept = time.Hour })
	for range 5 {
		r.get("/readyz")
	}
	if n := r.store.asked.Load(); n != 1 {
		t.Errorf("the store was asked %d times", n)
	}
}

// Whatever comes, the next one who asks is answered.
func TestJunk(t *testing.T) {
	r := newRig(t, func(c *Config) { c.limits.header = 200 * time.Millisecond })
	for name, bytes := range map[string]string{
		"nothing":         "",
		"native":          "\xF5SLC\x01\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"TLS":             "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"half a line":     "GET /metr",
		"half a header":   "GET /metrics HTTP/1.1\r\nHost: local",
		"endless header":  "GET /metrics HTTP/1.1\r\nX: " + strings.Repeat("x", 1<<20),
		"NULs":            strings.Repeat("\x00", 10000),
		"two lengths":     "GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"body never ends": "GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nabc",
		"HTTP/2":          "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"upgrade":         "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n",
	} {
		c := r.dial()
		io.WriteString(c, bytes)
		// It ends by itself, and in time; whether with words does not matter.
		if _, err := io.Copy(io.Discard, c); err != nil && name != "endless header" && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: %v", name, err)
		}
		c.Close()
		if status, _ := r.get("/healthz"); status != 200 {
			t.Errorf("after %s: %d", name, status)
		}
	}
	r.open(0)
}

// A reader that does not read holds a connection for the time of a write, and nobody else.
func TestSlowReader(t *testing.T) {
	r := newRig(t, func(c *Config) { c.limits.write = 300 * time.Millisecond })
	for i := range stats.Slots { // a long answer
		r.page.Slot(i).State.Store(uint64(stats.Ready))
	}
	c := r.dial()
	c.(*net.TCPConn).SetReadBuffer(4 << 10)
	for range 200 { // far more answers than fit into the socket's buffers
		if _, err := io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			break
		}
	}
	if status, _ := r.get("/healthz"); status != 200 {
		t.Errorf("meanwhile: %d", status)
	}
	r.open(0)
}

// One that is idle makes room for one that comes; where all are at work the new one is closed.
func TestTooMany(t *testing.T) {
	r := newRig(t, nil)
	var idle []net.Conn
	for range maxConnections {
		c := r.dial()
		io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	time.Sleep(20 * time.Millisecond) // the last has become idle
	if status, _ := r.get("/healthz"); status != 200 {
		t.Errorf("with %d idle: %d", maxConnections, status)
	}
	if _, err := idle[0].Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the one idle longest: %v", err)
	}
	for _, c := range idle {
		c.Close()
	}
	r.open(0)

	r.store.block = make(chan struct{})
	for range maxConnections {
		io.WriteString(r.dial(), "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	r.open(maxConnections)
	time.Sleep(20 * time.Millisecond) // all are at work
	late := r.dial()
	if _, err := late.Read(make([]byte, 1)); err == nil {
		t.Error("one too many was served")
	}
	refused := &r.page.Slot(1).WebRefused // counted after the connection is closed
	for end := time.Now().Add(5 * time.Second); refused.Load() == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if n := refused.Load(); n != 1 {
		t.Errorf("%d refused, want 1", n)
	}
	close(r.store.block)
}

// A request in flight has its answer, an idle connection is closed, a new one is refused.
func TestDrain(t *testing.T) {
	r := newRig(t, nil)
	idle := r.dial()
	io.WriteString(idle, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if _, err := http.ReadResponse(bufio.NewReader(idle), nil); err != nil {
		t.Fatal(err)
	}
	r.store.block = make(chan struct{})
	flying := r.dial()
	io.WriteString(flying, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	for r.store.asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	r.Drain()
	r.Drain()
	if _, err := idle.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the idle one: %v", err)
	}
	if _, err := r.dial().Read(make([]byte, 1)); err == nil {
		t.Error("a new one was served")
	}
	r.open(1)
	close(r.store.block)
	reply, err := http.ReadResponse(bufio.NewReader(flying), nil)
	if err != nil || reply.StatusCode != 200 {
		t.Fatalf("the one in flight: %v, %v", reply, err)
	}
	r.open(0)
}

func TestKill(t *testing.T) {
	r := newRig(t, nil)
	var all []net.Conn
	for range 5 {
		all = append(all, r.dial())
	}
	r.open(5)
	r.Kill()
	for _, c := range all {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("still open")
		}
	}
	r.open(0)
}

func TestPanicClosesOneConnection(t *testing.T) {
	r := newRig(t, nil)
	r.Server.http.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		defer r.rescue()
		panic("told so by a test")
	})
	c := r.dial()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("answered")
	}
	if n := r.page.Slot(1).Panics.Load(); n != 1 {
		t.Errorf("%d panics counted", n)
	}
	if !strings.Contains(r.logged(), "BUG: panic: told so by a test") {
		t.Errorf("log: %s", r.logged())
	}
}

// What is no TCP socket is closed and reported, not served.
func TestStrangeDescriptors(t *testing.T) {
	r := newRig(t, nil)
	r.Take(-1, uint64(r.taken.Add(1)))
	r.open(0)
	if status, _ := r.get("/healthz"); status != 200 {
		t.Errorf("%d", status)
	}
}
