package metrics

import (
	"path/filepath"
	"testing"

	"sluice/internal/stats"
)

// A scrape of a server with two workers, and of one with as many as there can be.
func BenchmarkText(b *testing.B) {
	for name, workers := range map[string]int{"2": 2, "64": stats.Slots} {
		b.Run(name, func(b *testing.B) {
			p, err := stats.Create(filepath.Join(b.TempDir(), "page"))
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close()
			for i := range workers {
				p.Slot(i).State.Store(uint64(stats.Ready))
			}
			text := ""
			for b.Loop() {
				if text, err = Text(p, "test"); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(text)), "bytes/scrape")
		})
	}
}
