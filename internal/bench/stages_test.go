package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/client"
)

// builtIn is removed at the end of the tests.
var builtIn string

// built makes the real programs once for all tests of this package. They are what the harness starts.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return "", err
	}
	builtIn = dir
	build := exec.Command("go", "build", "-tags", "osusergo netgo sqlite_fts5 sqlite_omit_load_extension", "-o", dir+"/",
		"sluice/cmd/fileserver", "sluice/cmd/client")
	if out, err := build.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("%w: %s", err, out)
	}
	for from, to := range map[string]string{"fileserver": "sluiced", "client": "sluice"} {
		if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
			return dir, err
		}
	}
	return dir, nil
})

func programsDir(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the programs")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go to build the programs with")
	}
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// miniature is a whole run that takes a moment.
func miniature(t *testing.T) *options {
	root := t.TempDir()
	tree := filepath.Join(root, "tree")
	if err := os.CopyFS(tree, os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	return &options{
		out: filepath.Join(root, "out"), bin: programsDir(t), work: filepath.Join(root, "work"), tree: tree,
		only: regexp.MustCompile(""), size: 9<<20 + 1, fetch: 1, rounds: 1, rate: 30 * time.Millisecond, workers: 2,
		idle: 40, wait: 50 * time.Millisecond, probe: 60 * time.Millisecond, names: []int{20, 2000}, doomed: 200, watched: 20, hasty: true,
	}
}

// Every workload of every stage, with all its variants: each gives a row, a line for benchstat, and no failure.
func TestStages(t *testing.T) {
	o := miniature(t)
	var out, log bytes.Buffer
	if err := measureAll(t.Context(), o, "as it is", &out, &log); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	lines, err := os.ReadFile(filepath.Join(o.out, "bench.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stages(o) {
		for _, w := range s.workloads() {
			if !bytes.Contains(lines, []byte("\nBenchmark"+w.name+"/who=sluice-")) {
				t.Errorf("no line for %s", w.name)
			}
			if !strings.Contains(out.String(), "\n### "+w.title+"\n") {
				t.Errorf("no table for %s", w.name)
			}
		}
	}
	if strings.Contains(out.String(), "failed") || bytes.Contains(lines, []byte("NaN")) || bytes.Contains(lines, []byte("Inf")) {
		t.Errorf("failures or nonsense:\n%s\n%s", out.String(), lines)
	}
	if _, err := os.Stat(o.work); !errors.Is(err, os.ErrNotExist) {
		t.Error("the folder for data is still there")
	}
	for _, g := range goals() {
		if !strings.Contains(out.String(), g.what) && !(g.versus == "rsync" && find("rsync") == "") && !(g.versus == "nginx" && find("nginx") == "") {
			t.Errorf("%s, %s is not among the figures to reach", g.workload.name, g.what)
		}
	}
}

// An interrupt ends the run, and what was measured by then is kept.
func TestInterruptedRun(t *testing.T) {
	o := miniature(t)
	o.only, o.rounds = regexp.MustCompile("^Connect$"), 1000
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	log := &watched{word: "connect, round 3 of", seen: cancel}
	if err := measureAll(ctx, o, "as it is", &out, log); err == nil {
		t.Error("an interrupted run says it is whole")
	}
	if b, err := os.ReadFile(filepath.Join(o.out, "bench.txt")); err != nil || !bytes.Contains(b, []byte("BenchmarkConnect/")) {
		t.Errorf("%s, %v\n%s", b, err, log.String())
	}
}

// watched is a log that tells when a word has come.
type watched struct {
	bytes.Buffer
	word string
	seen func()
}

func (w *watched) Write(b []byte) (int, error) {
	n, err := w.Buffer.Write(b)
	if bytes.Contains(w.Bytes(), []byte(w.word)) {
		w.seen()
	}
	return n, err
}

func remoteOf(ctx context.Context, t *testing.T, l *sluice) Remote {
	t.Helper()
	token, err := l.token(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return Remote{
		Dial: func(ctx context.Context, connections int) (*client.Remote, error) {
			return client.Dial(ctx, client.Options{Address: l.url(), Token: token, Connections: connections})
		},
		Plan: Plan{Space: 20 << 20, Long: time.Millisecond, Each: 20 * time.Millisecond, Many: 4}, Watch: new(Watch),
	}
}

// left tells what stands in the root.
func left(ctx context.Context, t *testing.T, m Remote) []client.Entry {
	t.Helper()
	r, err := m.Dial(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	list, err := r.List(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	return list.Entries
}

func TestRemote(t *testing.T) {
	ctx := t.Context()
	l, err := startSluice(ctx, miniature(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer l.stop()
	m := remoteOf(ctx, t, l)
	root, err := m.Dial(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	m.Parent = root.Hello().Root
	root.Close()

	t.Run("whole", func(t *testing.T) {
		r, err := m.Run(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if r.Server == "" || r.Up.Bytes != leastUpload || r.Up.Rate <= 0 || r.Down.Rate <= 0 || r.Held != leastUpload ||
			r.Open.Connections != 4 || len(r.Requests) != 6 {
			t.Errorf("%+v", r)
		}
		for _, q := range r.Requests {
			if q.Count == 0 || q.P50 <= 0 || q.P99 < q.P50 || q.P999 < q.P99 || q.CPU < 0 {
				t.Errorf("%+v", q)
			}
		}
		if b, err := json.Marshal(r); err != nil || !bytes.Contains(b, []byte(`"p99_us":`)) {
			t.Errorf("%s, %v", b, err)
		}
		if e := left(ctx, t, m); len(e) != 0 {
			t.Errorf("left behind: %+v", e)
		}
	})

	// Interrupted wherever it is, it leaves nothing behind.
	t.Run("interrupted", func(t *testing.T) {
		for _, at := range []string{"up", "down", "ping", "connections", "get-objects, 4 connections"} {
			ctx, cancel := context.WithCancel(ctx)
			m := m
			m.Watch, m.Plan.Each = new(Watch), 300*time.Millisecond
			go func() {
				for ctx.Err() == nil {
					if step, _ := m.Watch.Now(); step == at {
						cancel()
					}
					time.Sleep(200 * time.Microsecond)
				}
			}()
			// A step that was over before anybody looked is no failure of the measurement.
			if _, err := m.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("at %s: %v", at, err)
			}
			cancel()
			if e := left(t.Context(), t, m); len(e) != 0 {
				t.Errorf("left behind after an interrupt at %s: %+v", at, e)
			}
		}
	})

	t.Run("command", func(t *testing.T) {
		o, err := l.run(ctx, "", "bench", "home:", "--quick", "--json")
		if err != nil {
			t.Fatal(err)
		}
		var r RemoteReport
		if err := json.Unmarshal([]byte(o.stdout), &r); err != nil || r.Up.Bytes == 0 || len(r.Requests) != 6 {
			t.Errorf("%s, %v", o.stdout, err)
		}
		if o, err := l.run(ctx, "", "bench", "home:nowhere"); err == nil {
			t.Errorf("a folder that is not there was measured: %s", o.stdout)
		}
		if e := left(ctx, t, m); len(e) != 0 {
			t.Errorf("left behind: %+v", e)
		}
	})

	t.Run("no room", func(t *testing.T) {
		set := errand{name: filepath.Join(l.bin, "sluiced"), arguments: []string{"user", "set", benchUser, "--quota", "21M", "--data", l.data}}
		if _, err := set.run(ctx); err != nil {
			t.Fatal(err)
		}
		_, err := m.Run(ctx)
		var full *NoRoomError
		if !errors.As(err, &full) || client.ExitCode(err) != client.ExitSpace {
			t.Errorf("%v", err)
		}
		if e := left(ctx, t, m); len(e) != 0 {
			t.Errorf("left behind: %+v", e)
		}
	})
}
