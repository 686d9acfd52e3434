package metrics

import (
	"bytes"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"sluice/internal/stats"
)

// Registry holds the page's collector and nothing else: the counters client_golang would add of itself tell of one
// process, and each scrape may meet another.
func Registry(page *stats.Page, version string) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(New(page, version))
	return r
}

// Text is all counters in Prometheus' text form.
func Text(page *stats.Page, version string) (string, error) {
	families, err := Registry(page, version).Gather()
	if err != nil {
		return "", fmt.Errorf("BUG: gather the counters: %w", err)
	}
	var b bytes.Buffer
	to := expfmt.NewEncoder(&b, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, f := range families {
		if err := to.Encode(f); err != nil {
			return "", fmt.Errorf("BUG: write the counters: %w", err)
		}
	}
	return b.String(), nil
}
