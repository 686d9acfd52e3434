package hash

import (
	"fmt"
	"io"

	"github.com/zeebo/blake3"
)

// ProbeLength is how many bytes each of a probe's three ranges has.
const ProbeLength = 64 << 10

// ProbeLeast is the size from which on contents have a probe, in bytes: smaller ones travel whole in one request.
const ProbeLeast = ChunkSize + 1

// probeAlign is what the middle range begins on: a block of most file systems.
const probeAlign = 4 << 10

// Probe is a content's start, middle and end, by which it is found before all of it was read. It is a hint: two contents of
// the same size and probe may differ between the ranges, as disk images do.
type Probe struct{ Head, Middle, Tail [16]byte }

// ReadProbe reads the probe of a content of size bytes, at least ProbeLeast.
func ReadProbe(r io.ReaderAt, size int64) (p Probe, err error) {
	if size < ProbeLeast {
		panic("BUG: a probe of a content that is too small for one")
	}
	b := make([]byte, ProbeLength)
	for _, part := range []struct {
		at int64
		to *[16]byte
	}{{0, &p.Head}, {size / 2 &^ (probeAlign - 1), &p.Middle}, {size - ProbeLength, &p.Tail}} {
		if n, err := r.ReadAt(b, part.at); n < len(b) {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return Probe{}, fmt.Errorf("read a probe: %w", err)
		}
		sum := blake3.Sum256(b)
		copy(part.to[:], sum[:])
	}
	return p, nil
}
