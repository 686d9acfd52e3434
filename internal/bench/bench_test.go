package bench

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMedian(t *testing.T) {
	for _, row := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(row.values); got != row.want {
			t.Errorf("median of %v is %v, want %v", row.values, got, row.want)
		}
	}
}

// Ratios pair the runs of one round; a run that failed drops its round, not the pairing.
func TestRatios(t *testing.T) {
	run := func(wall time.Duration) measure { return measure{units: 1, wall: wall} }
	a := series{run(1 * time.Second), run(0), run(2 * time.Second), run(time.Second)}
	b := series{run(2 * time.Second), run(time.Second), run(2 * time.Second)}
	got := a.ratios(b, measure.rate)
	if len(got) != 2 || got[0] != 2 || got[1] != 1 {
		t.Errorf("ratios %v, want [2 1]", got)
	}
}

func TestVerdict(t *testing.T) {
	for _, row := range []struct {
		goal   goal
		ratios []float64
		want   bool
	}{
		{goal{bound: 1.2, atMost: true}, []float64{1.2}, true},
		{goal{bound: 1.2, atMost: true}, []float64{1.3}, false},
		{goal{bound: 0.9}, []float64{0.9}, true},
		{goal{bound: 0.9}, []float64{0.8}, false},
		{goal{bound: 0.9}, nil, false},
	} {
		if _, got := row.goal.verdict(row.ratios); got != row.want {
			t.Errorf("%+v with %v: %v", row.goal, row.ratios, got)
		}
	}
}

func TestTreeCPU(t *testing.T) {
	worked := func() time.Duration {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := treeCPU(os.Getpid())
	for begun, end := worked(), time.Now().Add(20*time.Second); worked()-begun < 30*time.Millisecond && time.Now().Before(end); {
	}
	if used := treeCPU(os.Getpid()) - before; used < 10*time.Millisecond {
		t.Errorf("%v of CPU after 30 ms of work", used)
	}
	if children(os.Getpid()) != 0 {
		t.Error("children before there are any")
	}
}

func TestFoldersAreNew(t *testing.T) {
	root := t.TempDir() + "/work"
	f, err := newFolders(root)
	if err != nil {
		t.Fatal(err)
	}
	a, err := f.next("x")
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.next("x")
	if err != nil || a == b {
		t.Errorf("%s and %s, %v", a, b, err)
	}
	if _, err := newFolders(root); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(a); !os.IsNotExist(err) {
		t.Errorf("an old folder is still there: %v", err)
	}
}

func TestStampChangesContent(t *testing.T) {
	path := t.TempDir() + "/file"
	if err := makeFile(path, 1<<16); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	if err := stamp(path); err != nil {
		t.Fatal(err)
	}
	after, _ := os.ReadFile(path)
	if bytes.Equal(before, after) || len(before) != len(after) || len(after) != 1<<16 {
		t.Errorf("%d and %d bytes, equal: %v", len(before), len(after), bytes.Equal(before, after))
	}
}

func TestOptions(t *testing.T) {
	o, err := parseOptions([]string{"-quick", "-rounds", "9", "-tree", "."}, os.Stderr)
	if err != nil || o.rounds != 3 || o.size != gib/4 {
		t.Errorf("%+v, %v", o, err)
	}
	for _, bad := range [][]string{{"-size", "5"}, {"-rounds", "0"}, {"-only", "("}, {"extra"}, {"-nonsense"}} {
		if _, err := parseOptions(append([]string{"-tree", "."}, bad...), new(bytes.Buffer)); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

func TestReplies(t *testing.T) {
	good := frame(typePing, "{}")
	if header, body, err := parseReply(good); header != 2 || body != 0 || err != nil {
		t.Errorf("%d, %d, %v", header, body, err)
	}
	refused := bytes.Clone(good)
	refused[5] = flagError
	for _, b := range [][]byte{refused, make([]byte, preludeLen)} {
		if _, _, err := parseReply(b); err == nil {
			t.Errorf("%x was taken", b)
		}
	}
	l := &loader{}
	l.Protocol = "http"
	for _, row := range []struct {
		answer string
		want   int64
		ok     bool
	}{
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", 43, true},
		{"HTTP/1.1 200 OK\r\nContent-Le", 43, true}, // known by now
		{"HTTP/1.1 404 Not Found\r\n", 0, false},
	} {
		if got, err := l.httpLength([]byte(row.answer)); got != row.want || (err == nil) != row.ok {
			t.Errorf("%q: %d, %v", row.answer, got, err)
		}
	}
}

// The report of a run with holes: every variant is named, no division by nothing.
func TestReport(t *testing.T) {
	h := &harness{options: &options{rounds: 2, size: gib, out: t.TempDir()},
		results: map[string]map[string]series{}, order: map[string][]string{}}
	good := measure{units: 1, wall: time.Second, server: time.Second, client: time.Second}
	h.record(down1, "sluice", good)
	h.record(down1, "floor", measure{})
	h.current = 1
	h.record(down1, "sluice", good)
	h.record(down1, "nginx", good)
	for _, name := range []string{"sluice", "floor", "nginx"} {
		h.mention(down1, name)
	}
	r := report{harness: h, stages: stages(&options{}), congestion: "cubic"}
	var out bytes.Buffer
	if err := r.write(&out); err != nil {
		t.Fatal(err)
	}
	for _, need := range []string{"cubic", "| sluice", "| floor", "failed", "| nginx"} {
		if !strings.Contains(out.String(), need) {
			t.Errorf("%q is missing in\n%s", need, out.String())
		}
	}
	if lines := string(r.lines()); strings.Count(lines, "Benchmark") != 3 || strings.Contains(lines, "NaN") {
		t.Errorf("lines:\n%s", lines)
	}
}
