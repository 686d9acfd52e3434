package hash

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestProbe(t *testing.T) {
	b := make([]byte, ProbeLeast+5000)
	for i := range b {
		b[i] = byte(i * i >> 7)
	}
	size := int64(len(b))
	probe := func() Probe {
		t.Helper()
		p, err := ReadProbe(bytes.NewReader(b), size)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first := probe()
	middle := int(size/2) / 4096 * 4096
	head, tail := Sum(b[:ProbeLength]), Sum(b[size-ProbeLength:])
	mid := Sum(b[middle : middle+ProbeLength])
	if [16]byte(head[:16]) != first.Head || [16]byte(mid[:16]) != first.Middle || [16]byte(tail[:16]) != first.Tail {
		t.Error("the probe is not that of its three ranges")
	}
	for _, c := range []struct {
		at                 int
		head, middle, tail bool // which is another then
	}{
		{0, true, false, false}, {ProbeLength - 1, true, false, false}, {ProbeLength, false, false, false},
		{middle - 1, false, false, false}, {middle, false, true, false}, {middle + ProbeLength - 1, false, true, false},
		{middle + ProbeLength, false, false, false}, {len(b) - ProbeLength - 1, false, false, false},
		{len(b) - ProbeLength, false, false, true}, {len(b) - 1, false, false, true},
	} {
		b[c.at]++
		now := probe()
		b[c.at]--
		if now.Head != first.Head != c.head || now.Middle != first.Middle != c.middle || now.Tail != first.Tail != c.tail {
			t.Errorf("byte %d", c.at)
		}
	}
	if _, err := ReadProbe(bytes.NewReader(b), size+1); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("of a file that is shorter: %v", err)
	}
}
