package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sample is a benchstat file with a run of everything that is drawn.
func sample() string {
	var b strings.Builder
	b.WriteString("goos: linux\npkg: sluice/internal/bench\n")
	for _, pic := range pictures() {
		all := pic.bars
		for _, l := range pic.lines {
			for _, n := range l.numbers {
				all = append(all, fmt.Sprint(l.prefix, n))
			}
		}
		for i, w := range all {
			for j, who := range []string{"sluice", "nginx-open"} {
				for run := 1; run < 4; run++ {
					fmt.Fprintf(&b, "Benchmark%s/who=%s-2 1 %d ns/op %d %s\n", w, who, 1000*(i+j+run), 10*(i+1)*(j+1)+run, pic.unit)
				}
			}
		}
	}
	return b.String()
}

func TestReadResults(t *testing.T) {
	r, err := readResults(strings.NewReader("goos: linux\nBenchmarkUp/connections=1/who=nginx-open-2 1 5.0 ns/op 3 GiB/s\n" +
		"BenchmarkUp/connections=1/who=nginx-open-2 1 9 ns/op 1 GiB/s\nBenchmarkOther 1 2 ns/op\nBenchmarkUp/connections=1/who=sluice-16 1 9 ns/op\n"))
	if err != nil {
		t.Fatal(err)
	}
	const w = "Up/connections=1"
	if low, mid, high, ok := r.spread(w, "nginx-open", "GiB/s"); !ok || low != 1 || mid != 2 || high != 3 {
		t.Errorf("%v %v %v %v", low, mid, high, ok)
	}
	if _, _, _, ok := r.spread(w, "rsync", "GiB/s"); ok {
		t.Error("a spread of nothing")
	}
	if got := r.variants([]string{w}); len(got) != 2 || got[0] != "sluice" {
		t.Errorf("variants %v", got)
	}
	if _, err := readResults(strings.NewReader("BenchmarkUp/who=sluice-2 1 x ns/op\n")); err == nil {
		t.Error("a value that is no number was taken")
	}
}

func TestPlots(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "bench.txt"), filepath.Join(dir, "plots")
	if err := os.WriteFile(from, []byte(sample()), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, log bytes.Buffer
	if code := plotMain([]string{"-from", from, "-to", to}, &out, &log); code != 0 {
		t.Fatalf("code %d: %s", code, log.String())
	}
	for _, pic := range pictures() {
		b, err := os.ReadFile(filepath.Join(to, pic.file))
		if err != nil {
			t.Error(err)
			continue
		}
		if len(b) > 64<<10 || !bytes.Contains(b, []byte(pic.title)) || !bytes.Contains(b, []byte("nginx-open")) || bytes.Contains(b, []byte("NaN")) {
			t.Errorf("%s: %d bytes, or not what it should show", pic.file, len(b))
		}
	}
}

// A run of a few workloads draws what it has; the other pictures stay.
func TestPlotsOfLittle(t *testing.T) {
	dir := t.TempDir()
	from := filepath.Join(dir, "bench.txt")
	if err := os.WriteFile(from, []byte("BenchmarkIdle/who=floor-2 1 5 ns/op 30 pss-B/connection\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, log bytes.Buffer
	if code := plotMain([]string{"-from", from, "-to", dir}, &out, &log); code != 0 || strings.Count(out.String(), "Drawn:") != 1 {
		t.Errorf("code %d: %s%s", code, out.String(), log.String())
	}
	for _, bad := range [][]string{{"-from", dir + "/none"}, {"-nonsense"}} {
		if plotMain(bad, &out, &log) == 0 {
			t.Errorf("%v was taken", bad)
		}
	}
}
