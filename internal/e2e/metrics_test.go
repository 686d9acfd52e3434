package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"golang.org/x/sys/unix"

	"sluice/internal/proto"
)

// metricsAddress is where the server serves counters, as status tells.
func (s *server) metricsAddress() string {
	s.t.Helper()
	out, err := exec.Command(filepath.Join(programs, "sluiced"), "status", "--json", "--data", s.data).Output()
	if err != nil {
		s.t.Fatal(err)
	}
	var st struct {
		Metrics []string `json:"metrics"`
	}
	if err := json.Unmarshal(out, &st); err != nil || len(st.Metrics) == 0 {
		s.t.Fatalf("status tells no metrics address: %v\n%s", err, out)
	}
	return st.Metrics[0]
}

// get asks the metrics listener on a connection of its own.
func get(t *testing.T, address, path string) (status int, text string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	reply, err := client.Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	b, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(b)
}

// numbers are one scrape.
type numbers map[string]*dto.MetricFamily

func read(t *testing.T, text string) numbers {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return families
}

func scrape(t *testing.T, address string) numbers {
	t.Helper()
	status, text := get(t, address, "/metrics")
	if status != http.StatusOK {
		t.Fatalf("/metrics: %d %s", status, text)
	}
	return read(t, text)
}

// sum adds up a metric over all workers that have these labels; of a histogram, how often it was observed.
func (n numbers) sum(name string, labels ...string) float64 {
	sum := 0.0
	for _, m := range n[name].GetMetric() {
		matches := 0
		for _, l := range m.GetLabel() {
			for i := 0; i < len(labels); i += 2 {
				if l.GetName() == labels[i] && l.GetValue() == labels[i+1] {
					matches++
				}
			}
		}
		if matches == len(labels)/2 {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// until scrapes until a condition holds: some numbers are brought up to date once a second.
func until(t *testing.T, address, what string, holds func(numbers) bool) numbers {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		n := scrape(t, address)
		if holds(n) {
			return n
		}
		if time.Now().After(deadline) {
			_, text := get(t, address, "/metrics")
			t.Fatalf("%s: not seen in\n%s", what, text)
		}
	}
}

// Real work moves the counters, and by as much as was done.
func TestMetricsMove(t *testing.T) {
	s := start(t, t.TempDir(), "--metrics", "127.0.0.1:0")
	address := s.metricsAddress()
	m := newMachine(t, s, "ann")
	before := scrape(t, address)

	tree := filepath.Join(m.dir, "tree")
	const files, size = 50, 20 << 10
	for i := range files {
		write(t, filepath.Join(tree, fmt.Sprint(i)), content(uint64(i), size), 0o644, time.Unix(1, 0))
	}
	write(t, filepath.Join(tree, "large"), content(99, 9<<20), 0o644, time.Unix(1, 0))
	m.must("push", tree, "home:t")
	m.must("pull", "home:t", filepath.Join(m.dir, "back"))
	m.must("ls", "home:t")
	const all = files*size + 9<<20

	stranger := s.dial()
	stranger.ask(proto.TypeHello, &proto.Hello{Versions: []uint8{proto.Version}, Agent: "e2e"}, nil)
	if code := stranger.ask(proto.TypeLogin, &proto.Login{User: "ann", Password: "wrong", Device: "x"}, nil).code(t); code != proto.BadLogin {
		t.Errorf("log-in with a wrong password: %v", code)
	}
	stranger.close()
	for _, junk := range []string{"\x16\x03\x01", "GET / HTTP/1.1\r\n\r\n", "\x00", "\xF5SLC\x09" + strings.Repeat("\x00", 19)} {
		w := s.dial()
		w.send([]byte(junk))
		w.ended()
		w.close()
	}

	grown := func(now numbers, name string, labels ...string) float64 {
		return now.sum(name, labels...) - before.sum(name, labels...)
	}
	now := until(t, address, "violations and closed connections", func(n numbers) bool {
		return grown(n, "sluice_violations_total") == 4 && n.sum("sluice_connections") == 0 && grown(n, "sluice_commit_writes_total") >= 3
	})
	for _, row := range []struct {
		least  float64
		name   string
		labels []string
	}{
		{8, "sluice_requests_total", nil},
		{all, "sluice_received_bytes_total", nil},
		{all, "sluice_sent_bytes_total", nil},
		{5, "sluice_accepted_connections_total", nil},
		{5, "sluice_parent_accepted_connections_total", nil},
		{3, "sluice_commits_total", nil},
		{3, "sluice_commit_writes_total", nil},
		{3, "sluice_changes_total", nil},
		{1, "sluice_loop_turns_total", nil},
		{1, "sluice_request_duration_seconds", []string{"class", "session"}},
		{1, "sluice_request_duration_seconds", []string{"class", "lookup"}},
		{1, "sluice_request_duration_seconds", []string{"class", "change"}},
		{1, "sluice_request_duration_seconds", []string{"class", "upload"}},
		{1, "sluice_request_duration_seconds", []string{"class", "download"}},
		{1, "sluice_request_errors_total", []string{"reason", "login"}},
		{1, "sluice_violations_total", []string{"kind", "tls"}},
		{1, "sluice_violations_total", []string{"kind", "http"}},
		{1, "sluice_violations_total", []string{"kind", "junk"}},
		{1, "sluice_violations_total", []string{"kind", "prelude"}},
	} {
		if got := grown(now, row.name, row.labels...); got < row.least {
			t.Errorf("%s%v grew by %v, want %v at least", row.name, row.labels, got, row.least)
		}
	}
	if got := grown(now, "sluice_received_bytes_total"); got > 2*all {
		t.Errorf("%v bytes received for %d bytes of files", got, all)
	}
	for name, want := range map[string]float64{
		"sluice_worker_ready": 2, "sluice_data_writable": 1, "sluice_store_read_only": 0, "sluice_panics_total": 0, "sluice_jobs": 0,
		"sluice_parent_worker_deaths_total": 0, "sluice_worker_junk_messages_total": 0,
	} {
		if got := now.sum(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{"sluice_start_time_seconds", "sluice_data_free_bytes", "sluice_data_free_files", "sluice_worker_resident_memory_bytes",
		"sluice_worker_open_fds", "sluice_worker_cpu_seconds_total", "sluice_database_log_bytes"} {
		if now.sum(name) <= 0 {
			t.Errorf("%s is %v", name, now.sum(name))
		}
	}
	s.answers()
}

// The control socket tells what HTTP tells, with and without a listener.
func TestMetricsCommand(t *testing.T) {
	s := start(t, t.TempDir(), "--metrics", "localhost:0")
	quiet := start(t, t.TempDir())
	var names [3][]string
	texts := []string{metricsCommand(t, s), metricsCommand(t, quiet)}
	_, text := get(t, s.metricsAddress(), "/metrics")
	for i, text := range append(texts, text) {
		for name := range read(t, text) {
			names[i] = append(names[i], name)
		}
		slices.Sort(names[i])
	}
	if !slices.Equal(names[0], names[1]) || !slices.Equal(names[0], names[2]) {
		t.Errorf("command: %v\nwithout a listener: %v\nHTTP: %v", names[0], names[1], names[2])
	}
	quiet.stop()
	out, err := exec.Command(filepath.Join(programs, "sluiced"), "metrics", "--data", quiet.data).CombinedOutput()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 3 {
		t.Errorf("without a server: %v\n%s", err, out)
	}
}

func metricsCommand(t *testing.T, s *server) string {
	t.Helper()
	out, err := exec.Command(filepath.Join(programs, "sluiced"), "metrics", "--data", s.data).Output()
	if err != nil {
		t.Fatalf("sluiced metrics: %v", err)
	}
	return string(out)
}

// Nothing asks for a password there, so only this machine may ask.
func TestMetricsBeyondLoopbackRefused(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0"} {
		if out := refused(t, t.TempDir(), "--metrics", address, "--plain", "allow"); !strings.Contains(out, "metrics") {
			t.Errorf("%s: the refusal does not name the setting:\n%s", address, out)
		}
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer busy.Close()
	if out := refused(t, t.TempDir(), "--metrics", busy.Addr().String()); !strings.Contains(out, "--metrics") {
		t.Errorf("an address in use: the refusal does not name the flag:\n%s", out)
	}
}

func TestHealth(t *testing.T) {
	s := start(t, t.TempDir(), "--metrics", "127.0.0.1:0")
	address := s.metricsAddress()
	for range 4 { // both workers
		for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
			if status, text := get(t, address, path); status != 200 || text != want {
				t.Errorf("%s: %d %q", path, status, text)
			}
		}
	}
	before := scrape(t, address).sum("sluice_changes_total")
	get(t, address, "/readyz")
	if after := scrape(t, address).sum("sluice_changes_total"); after != before {
		t.Errorf("to ask whether a write would succeed changed something: %v, %v", before, after)
	}
}

func TestNotReadyBelowLeastSpace(t *testing.T) {
	s := start(t, t.TempDir(), "--metrics", "127.0.0.1:0", "--least-space", fmt.Sprint(1<<60))
	status, text := get(t, s.metricsAddress(), "/readyz")
	if status != 503 || !strings.Contains(text, "space:") || strings.Contains(text, s.data) {
		t.Errorf("/readyz: %d %q", status, text)
	}
	if status, _ := get(t, s.metricsAddress(), "/healthz"); status != 200 {
		t.Errorf("/healthz: %d", status)
	}
	s.answers()
}

// A disk that fills turns /readyz to no; room turns it back. The gauges say the same.
func TestNotReadyOnAFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root for a loop mount")
	}
	dir := t.TempDir()
	mount := filepath.Join(dir, "mount")
	must(t, os.Mkdir(mount, 0o755))
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=64m,mode=755"); err != nil {
		t.Skipf("no mount here: %v", err)
	}
	t.Cleanup(func() { unmount(t, mount) })
	s := start(t, filepath.Join(mount, "data"), "--metrics", "127.0.0.1:0", "--least-space", fmt.Sprint(16<<20))
	address := s.metricsAddress()
	if status, text := get(t, address, "/readyz"); status != 200 {
		t.Fatalf("at first: %d %s", status, text)
	}
	filler := filepath.Join(mount, "filler")
	must(t, os.WriteFile(filler, make([]byte, 54<<20), 0o600))
	ask := func(want int) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			status, text := get(t, address, "/readyz")
			if status == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("/readyz: %d %s, want %d", status, text, want)
			}
		}
	}
	ask(503)
	until(t, address, "free space below the least", func(n numbers) bool {
		return n.sum("sluice_data_free_bytes") < n.sum("sluice_data_least_bytes")
	})
	must(t, os.Remove(filler))
	ask(200)
	s.answers()
}

// A failed sync stops a worker's store for good: whichever worker is asked, /readyz says so, and the counters too.
func TestNotReadyAfterAFailedSync(t *testing.T) {
	strace := needs(t, "strace", "strace")
	s := start(t, t.TempDir(), "--metrics", "127.0.0.1:0")
	address := s.metricsAddress()
	w := s.login("ann")
	defer w.close()
	workers := s.workers()
	for _, pid := range workers {
		trace := exec.Command(strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO", "-p", fmt.Sprint(pid))
		must(t, trace.Start())
		t.Cleanup(func() { trace.Process.Signal(syscall.SIGINT); trace.Wait() })
		if !traced(pid) {
			t.Skip("strace cannot attach to a process here (ptrace is not allowed)")
		}
	}
	b := content(1, 1000)
	object := proto.Object{Hash: blake3(b), Size: int64(len(b))}
	for range 2 { // the first finds out, the second is told
		r := w.ask(proto.TypePutObjects, &proto.PutObjects{Objects: []proto.Object{object}}, b)
		if code := r.code(t); code == proto.OK {
			t.Errorf("put-objects without a sync: %v %s", code, r.header)
		}
	}
	time.Sleep(1100 * time.Millisecond) // an answer of before is kept for a second
	for range 4 {                       // both workers
		if status, text := get(t, address, "/readyz"); status != 503 || !strings.Contains(text, "store:") {
			t.Errorf("/readyz: %d %s", status, text)
		}
	}
	n := until(t, address, "a store that has stopped", func(n numbers) bool { return n.sum("sluice_store_read_only") >= 1 })
	if n.sum("sluice_request_errors_total", "reason", "read-only") < 1 {
		t.Error("no error for the reason read-only")
	}
	if status, _ := get(t, address, "/healthz"); status != 200 {
		t.Errorf("/healthz: %d: it reads on", status)
	}
	s.answers()
}

// traced waits until a process and all its threads are under strace.
func traced(pid int) bool {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		free := slices.ContainsFunc(tasks, func(path string) bool {
			raw, _ := os.ReadFile(path)
			return strings.Contains(string(raw), "TracerPid:\t0\n")
		})
		if !free && len(tasks) > 0 {
			return true
		}
	}
	return false
}

// Whatever comes to the metrics listener, it goes on, the server goes on, and no descriptor is left.
func TestMetricsJunk(t *testing.T) {
	s := start(t, t.TempDir(), "--metrics", "127.0.0.1:0")
	address := s.metricsAddress()
	get(t, address, "/metrics")
	s.answers()
	s.settle()
	before := s.descriptors()
	junk := []string{
		"", "\xF5SLC\x01", "\x16\x03\x01\x02\x00", strings.Repeat("\x00", 100_000), "GET /metr", "GET /metrics HTTP/9.9\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\nx",
		"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("y", 1<<20),
		strings.Repeat("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 200), // and never reads
	}
	var open []net.Conn
	for round := range 8 {
		for _, text := range junk {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			c.SetDeadline(time.Now().Add(time.Second))
			io.WriteString(c, text)
			switch round % 3 {
			case 0:
				c.(*net.TCPConn).SetLinger(0)
				c.Close()
			case 1:
				c.Close()
			case 2:
				open = append(open, c) // says no more
			}
		}
		s.answers()
	}
	// Where all places are taken by those who hold them, their limits free them again.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
		reply, err := client.Get("http://" + address + "/healthz")
		if err == nil {
			reply.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the metrics listener no longer answers: %v", err)
		}
	}
	for _, c := range open {
		c.Close()
	}
	until(t, address, "only the scrape's own connection", func(n numbers) bool { return n.sum("sluice_http_connections") == 1 })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		after := s.descriptors()
		// Connections to the database are opened when they are first needed: a few, not one a connection.
		if len(after) == len(before) && after[0] <= before[0]+16 && after[1] <= before[1]+16 {
			t.Logf("descriptors: %v before, %v after", before, after)
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("descriptors: %v before, %v after", before, after)
		}
	}
	if n := scrape(t, address); n.sum("sluice_panics_total") != 0 || n.sum("sluice_worker_restarts_total") != 0 {
		t.Errorf("%v panics, %v restarts", n.sum("sluice_panics_total"), n.sum("sluice_worker_restarts_total"))
	}
	s.answers()
}

// A server that takes no more connections still tells its numbers: that is when they are wanted.
func TestMetricsOfAFullServer(t *testing.T) {
	s := start(t, t.TempDir(), "--metrics", "127.0.0.1:0", "--max-connections", "3")
	address := s.metricsAddress()
	for range 3 {
		w := s.dial()
		defer w.close()
		w.ping()
	}
	refused := s.dial()
	defer refused.close()
	if !refused.ended() {
		t.Error("a fourth connection was taken")
	}
	n := scrape(t, address)
	if n.sum("sluice_connections") != 3 || n.sum("sluice_parent_refused_connections_total") != 1 {
		t.Errorf("%v connections, %v refused", n.sum("sluice_connections"), n.sum("sluice_parent_refused_connections_total"))
	}
}

// A scraper that keeps its connection does not hold up a drain, and one that is replaced by a reload asks on without an
// error; its counters do not fall.
func TestMetricsThroughReloadAndDrain(t *testing.T) {
	s := start(t, t.TempDir(), "--metrics", "127.0.0.1:0")
	address := s.metricsAddress()
	s.answers()
	kept := http.Client{Timeout: 20 * time.Second} // keeps its connection, as Prometheus does
	ask := func() numbers {
		t.Helper()
		reply, err := kept.Get("http://" + address + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer reply.Body.Close()
		b, err := io.ReadAll(reply.Body)
		if err != nil {
			t.Fatal(err)
		}
		return read(t, string(b))
	}
	before := ask()
	if out, err := exec.Command(filepath.Join(programs, "sluiced"), "reload", "--data", s.data).CombinedOutput(); err != nil {
		t.Fatalf("reload: %v\n%s", err, out)
	}
	after := ask()
	for _, name := range []string{"sluice_requests_total", "sluice_accepted_connections_total", "sluice_parent_accepted_connections_total"} {
		if after.sum(name) < before.sum(name) {
			t.Errorf("%s fell from %v to %v by a reload", name, before.sum(name), after.sum(name))
		}
	}
	until(t, address, "the new workers and no others", func(n numbers) bool {
		return len(n["sluice_worker_ready"].GetMetric()) == 2 && n.sum("sluice_worker_ready") == 2
	})
	silent, err := net.Dial("tcp", address)
	must(t, err)
	defer silent.Close()
	half, err := net.Dial("tcp", address)
	must(t, err)
	defer half.Close()
	fmt.Fprint(half, "GET /metrics HTTP/1.1\r\nHost: loc")
	ask()
	begun := time.Now()
	s.stop()
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("the drain took %v with a scraper connected", took)
	}
	if _, err := bufio.NewReader(silent).ReadByte(); err == nil {
		t.Error("the silent connection goes on")
	}
}

// The listener comes and goes with the configuration, without a restart.
func TestMetricsTurnedOnByReload(t *testing.T) {
	v := startService(t, "workers = 2")
	v.configure("workers = 2\nmetrics = '127.0.0.1:0'\nleast-space = 12345")
	v.done("reload")
	address := v.metricsAddress()
	until(t, address, "the new setting", func(n numbers) bool { return n.sum("sluice_data_least_bytes") == 12345 })
	before := v.command.Process.Pid
	v.configure("workers = 2\nmetrics = '0.0.0.0:0'")
	if r := v.tell("reload"); r.code == 0 || !strings.Contains(r.stderr, "metrics") {
		t.Errorf("an address beyond loopback: exit code %d\n%s", r.code, r.stderr)
	}
	scrape(t, address)
	v.configure("workers = 2")
	v.done("reload")
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("the listener is still there")
	}
	if st, err := v.state(); err != nil || st.Pid != before {
		t.Errorf("another server: %+v, %v", st, err)
	}
	v.answers()
}

// Scrapes go on while the server is upgraded under them, and the counters with them.
func TestMetricsThroughUpgrade(t *testing.T) {
	v := startService(t, "workers = 2\nmetrics = '127.0.0.1:0'")
	address := v.metricsAddress()
	v.answers()
	last := until(t, address, "requests", func(n numbers) bool { return n.sum("sluice_requests_total") >= 4 })
	pid := v.command.Process.Pid
	for range 2 {
		v.done("upgrade")
		pid = v.upgraded(pid)
		now := scrape(t, address)
		for _, name := range []string{"sluice_requests_total", "sluice_accepted_connections_total", "sluice_commits_total"} {
			if now.sum(name) < last.sum(name) {
				t.Errorf("%s fell from %v to %v", name, last.sum(name), now.sum(name))
			}
		}
		if now.sum("sluice_start_time_seconds") <= last.sum("sluice_start_time_seconds") {
			t.Error("the new server's start is not told")
		}
		last = now
	}
	until(t, address, "the new workers and no others", func(n numbers) bool {
		return len(n["sluice_worker_ready"].GetMetric()) == 2 && n.sum("sluice_worker_ready") == 2
	})
	if status, text := get(t, address, "/readyz"); status != 200 {
		t.Errorf("/readyz: %d %s", status, text)
	}
}

// A file system that breaks under an idle server is noticed though nobody writes, and the server lives to tell.
func TestNotReadyOnABrokenDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root for a loop mount")
	}
	dir := t.TempDir()
	image, mount := filepath.Join(dir, "image"), filepath.Join(dir, "mount")
	must(t, os.Mkdir(mount, 0o755))
	for _, args := range [][]string{{"truncate", "-s", "96M", image}, {"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, mount}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("no loop mount here: %v %s", err, out)
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", mount).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	s := start(t, filepath.Join(mount, "data"), "--metrics", "127.0.0.1:0", "--least-space", "0")
	address := s.metricsAddress()
	if status, text := get(t, address, "/readyz"); status != 200 {
		t.Fatalf("at first: %d %s", status, text)
	}
	root, err := os.Open(mount)
	must(t, err)
	const shutdown, noFlush = 0x8004587d, 2 // the ioctl by which file systems are tested
	raw, err := root.SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) { err = unix.IoctlSetPointerInt(int(fd), shutdown, noFlush) }))
	root.Close()
	if err != nil {
		t.Skipf("this file system cannot be shut down: %v", err)
	}
	time.Sleep(1100 * time.Millisecond) // an answer of before is kept for a second
	for range 4 {                       // both workers
		if status, text := get(t, address, "/readyz"); status != 503 {
			t.Errorf("/readyz: %d %s", status, text)
		}
		if status, _ := get(t, address, "/healthz"); status != 200 {
			t.Errorf("/healthz: %d", status)
		}
	}
	n := until(t, address, "a disk that takes no writes", func(n numbers) bool { return n.sum("sluice_data_writable") == 0 })
	if n.sum("sluice_parent_worker_deaths_total") != 0 {
		t.Errorf("%v workers have died of it", n.sum("sluice_parent_worker_deaths_total"))
	}
	s.answers()
}
