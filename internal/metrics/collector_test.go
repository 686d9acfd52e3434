package metrics

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"sluice/internal/stats"
)

// page is a server's with workers in slots 0 and 2.
func page(t *testing.T) *stats.Page {
	t.Helper()
	p, err := stats.Create(filepath.Join(t.TempDir(), "page"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	for _, slot := range []int{0, 2} {
		p.Slot(slot).State.Store(uint64(stats.Ready))
	}
	return p
}

func parse(t *testing.T, text string) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("parse: %v\n%s", err, text)
	}
	return families
}

// find is the one metric of a family with these labels.
func find(t *testing.T, families map[string]*dto.MetricFamily, name string, labels ...string) *dto.Metric {
	t.Helper()
	for _, m := range families[name].GetMetric() {
		has := map[string]string{}
		for _, l := range m.GetLabel() {
			has[l.GetName()] = l.GetValue()
		}
		same := len(has) == len(labels)/2
		for i := 0; i < len(labels); i += 2 {
			same = same && has[labels[i]] == labels[i+1]
		}
		if same {
			return m
		}
	}
	t.Fatalf("%s%v is not there", name, labels)
	return nil
}

func TestText(t *testing.T) {
	p := page(t)
	p.Parent().Accepted.Store(12)
	p.Parent().Started.Store(1_700_000_000_500_000_000)
	p.Disk().Free.Store(1 << 40)
	p.Changes().Store(5)
	s := p.Slot(2)
	s.Requests.Store(7)
	s.BackoffMs.Store(250)
	s.CPU.Store(1_500_000_000)
	s.ReadOnly.Store(1)
	s.ByReason[stats.Quota].Store(3)
	s.ByKind[stats.TLS].Store(4)
	s.Latency[stats.Change].Observe(2 * time.Millisecond)
	s.Latency[stats.Change].Observe(time.Minute)
	text, err := Text(p, `1.2 "odd"`)
	if err != nil {
		t.Fatal(err)
	}
	families := parse(t, text)
	for _, row := range []struct {
		name   string
		want   float64
		labels []string
	}{
		{"sluice_build_info", 1, []string{"version", `1.2 "odd"`}},
		{"sluice_parent_accepted_connections_total", 12, nil},
		{"sluice_start_time_seconds", 1_700_000_000.5, nil},
		{"sluice_data_free_bytes", 1 << 40, nil},
		{"sluice_changes_total", 5, nil},
		{"sluice_requests_total", 7, []string{"worker", "2"}},
		{"sluice_requests_total", 0, []string{"worker", "0"}},
		{"sluice_worker_ready", 1, []string{"worker", "0"}},
		{"sluice_worker_backoff_seconds", 0.25, []string{"worker", "2"}},
		{"sluice_worker_cpu_seconds_total", 1.5, []string{"worker", "2"}},
		{"sluice_store_read_only", 1, []string{"worker", "2"}},
		{"sluice_request_errors_total", 3, []string{"worker", "2", "reason", "quota"}},
		{"sluice_request_errors_total", 0, []string{"worker", "2", "reason", "internal"}},
		{"sluice_violations_total", 4, []string{"worker", "2", "kind", "tls"}},
	} {
		m := find(t, families, row.name, row.labels...)
		if got := m.GetCounter().GetValue() + m.GetGauge().GetValue(); got != row.want {
			t.Errorf("%s%v is %v, want %v", row.name, row.labels, got, row.want)
		}
	}
	h := find(t, families, "sluice_request_duration_seconds", "worker", "2", "class", "change").GetHistogram()
	if h.GetSampleCount() != 2 || h.GetSampleSum() != 60.002 {
		t.Errorf("%d durations of %v s in all", h.GetSampleCount(), h.GetSampleSum())
	}
	for _, b := range h.GetBucket() {
		want := uint64(0)
		if b.GetUpperBound() >= 0.003 {
			want = 1
		}
		if b.GetUpperBound() > 30 { // +Inf
			want = 2
		}
		if b.GetCumulativeCount() != want {
			t.Errorf("up to %v s: %d, want %d", b.GetUpperBound(), b.GetCumulativeCount(), want)
		}
	}
	if strings.Contains(text, `worker="1"`) {
		t.Error("a slot without a worker is shown")
	}
}

// A worker that was replaced by one in another slot leaves its counters and nothing that looks alive.
func TestEndedWorker(t *testing.T) {
	p := page(t)
	p.Slot(2).State.Store(uint64(stats.Ended))
	p.Slot(2).Requests.Store(9)
	text, err := Text(p, "test")
	if err != nil {
		t.Fatal(err)
	}
	families := parse(t, text)
	if got := find(t, families, "sluice_requests_total", "worker", "2").GetCounter().GetValue(); got != 9 {
		t.Errorf("requests %v", got)
	}
	for _, name := range []string{"sluice_worker_ready", "sluice_connections", "sluice_store_read_only"} {
		if n := len(families[name].GetMetric()); n != 1 {
			t.Errorf("%s has %d workers, want 1", name, n)
		}
	}
}

// What Prometheus' own linter says of names, units and help.
func TestLint(t *testing.T) {
	text, err := Text(page(t), "test")
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// Describe tells exactly what Collect gives: a pedantic registry compares them.
func TestPedantic(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(New(page(t), "test"))
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if want := 1 + len(forServer) + len(forWorkers) + 3; len(families) != want {
		t.Errorf("%d families, want %d", len(families), want)
	}
}

// An OpenMetrics scraper takes _total from a counter's name: what is left must not be another metric's.
func TestNoNameWithAndWithoutTotal(t *testing.T) {
	text, err := Text(page(t), "test")
	if err != nil {
		t.Fatal(err)
	}
	families := parse(t, text)
	for name := range families {
		if short, ok := strings.CutSuffix(name, "_total"); ok && families[short] != nil {
			t.Errorf("%s and %s", name, short)
		}
	}
}

// Workers count while several scrapes read.
func TestScrapesAtOnce(t *testing.T) {
	p := page(t)
	r := Registry(p, "test")
	stop := make(chan struct{})
	var counting, scraping sync.WaitGroup
	counting.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				p.Slot(0).Requests.Add(1)
				p.Slot(0).Latency[stats.Lookup].Observe(time.Millisecond)
			}
		}
	})
	for range 4 {
		scraping.Go(func() {
			for range 20 {
				if _, err := r.Gather(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	scraping.Wait()
	close(stop)
	counting.Wait()
}
