package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/internal/stats"
)

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// row is one metric that is a single number of T.
type row[T any] struct {
	kind  prometheus.ValueType
	name  string
	help  string
	value func(T) float64
}

// Collector reads the page anew for each scrape. It may be used from several goroutines, until the page is closed.
type Collector struct {
	page *stats.Page

	build      prometheus.Metric
	server     []*prometheus.Desc // as forServer
	workers    []*prometheus.Desc // as forWorkers
	errors     *prometheus.Desc
	violations *prometheus.Desc
	latency    *prometheus.Desc
}

// New makes a collector over the page, which stays the caller's. version is that of the program.
func New(page *stats.Page, version string) *Collector {
	build := prometheus.NewDesc("sluice_build_info", "1; the label tells the program's version.", nil, prometheus.Labels{"version": version})
	c := &Collector{
		page:       page,
		build:      prometheus.MustNewConstMetric(build, gauge, 1),
		errors:     prometheus.NewDesc(errorsName, errorsHelp, []string{"worker", "reason"}, nil),
		violations: prometheus.NewDesc(violationsName, violationsHelp, []string{"worker", "kind"}, nil),
		latency:    prometheus.NewDesc(latencyName, latencyHelp, []string{"worker", "class"}, nil),
	}
	for _, r := range forServer {
		c.server = append(c.server, prometheus.NewDesc(r.name, r.help, nil, nil))
	}
	for _, r := range forWorkers {
		c.workers = append(c.workers, prometheus.NewDesc(r.name, r.help, []string{"worker"}, nil))
	}
	return c
}

// Describe names all metrics.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	to <- c.build.Desc()
	for _, d := range c.server {
		to <- d
	}
	for _, d := range c.workers {
		to <- d
	}
	to <- c.errors
	to <- c.violations
	to <- c.latency
}

// Collect reads the page. Slots in which no worker was ever started are left out. Of one whose worker has ended and is
// not replaced only the counters are left, so that their sums do not fall.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	to <- c.build
	for i, r := range forServer {
		to <- prometheus.MustNewConstMetric(c.server[i], r.kind, r.value(c.page))
	}
	for i := range stats.Slots {
		slot := c.page.Slot(i)
		if state := stats.State(slot.State.Load()); state != stats.Empty {
			c.collect(to, slot, strconv.Itoa(i), state == stats.Ended)
		}
	}
}

func (c *Collector) collect(to chan<- prometheus.Metric, slot *stats.Slot, worker string, ended bool) {
	for i, r := range forWorkers {
		if ended && r.kind == gauge {
			continue
		}
		to <- prometheus.MustNewConstMetric(c.workers[i], r.kind, r.value(slot), worker)
	}
	for i, name := range stats.Reasons {
		to <- prometheus.MustNewConstMetric(c.errors, counter, float64(slot.ByReason[i].Load()), worker, name)
	}
	for i, name := range stats.Kinds {
		to <- prometheus.MustNewConstMetric(c.violations, counter, float64(slot.ByKind[i].Load()), worker, name)
	}
	for i, name := range stats.Classes {
		upTo, count, sum := slot.Latency[i].Read()
		buckets := make(map[float64]uint64, len(upTo))
		for b, n := range upTo {
			buckets[stats.Bounds[b].Seconds()] = n
		}
		to <- prometheus.MustNewConstHistogram(c.latency, count, sum.Seconds(), buckets, worker, name)
	}
}
