package syncer

import (
	"context"
	"testing"
)

func BenchmarkScan(b *testing.B) {
	for b.Loop() {
		r, err := openBeneath("/usr/local/go")
		if err != nil {
			b.Fatal(err)
		}
		s, err := scan(context.Background(), r, nil)
		if err != nil {
			b.Fatal(err)
		}
		f, _ := s.root.count()
		if f < 10000 {
			b.Fatal(f)
		}
		r.close()
	}
}
