package stats

import (
	"path/filepath"
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	page, err := Create(filepath.Join(t.TempDir(), "page"))
	if err != nil {
		t.Fatal(err)
	}
	defer page.Close()
	h := &page.Slot(3).Latency[Upload]
	for _, d := range []time.Duration{-1, 0, 100 * time.Microsecond, 100*time.Microsecond + 1, time.Second, 30 * time.Second, time.Hour} {
		h.Observe(d)
	}
	upTo, count, sum := h.Read()
	want := [len(Bounds)]uint64{3, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 6}
	if upTo != want || count != 7 {
		t.Errorf("up to %v of %d, want %v of 7", upTo, count, want)
	}
	if want := time.Hour + 31*time.Second + 200*time.Microsecond + 1; sum != want {
		t.Errorf("sum %v, want %v", sum, want)
	}
	if _, count, _ := page.Slot(3).Latency[Lookup].Read(); count != 0 {
		t.Errorf("another class has %d", count)
	}
}

func TestBoundsGrow(t *testing.T) {
	for i := 1; i < len(Bounds); i++ {
		if Bounds[i] <= Bounds[i-1] {
			t.Errorf("bound %d: %v after %v", i, Bounds[i], Bounds[i-1])
		}
	}
}
