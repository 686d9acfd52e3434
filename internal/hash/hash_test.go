package hash

import (
	"bytes"
	"fmt"
	"math/rand"
	"testing"

	"github.com/zeebo/blake3"
)

// content is n bytes that differ from place to place, so that a subtree at the wrong position cannot pass.
func content(n int) []byte {
	b := make([]byte, n)
	rand.New(rand.NewSource(int64(n))).Read(b)
	return b
}

func TestSum(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 1023, 1024, 1025, 2048, 16383, 16384, 16385, 32768, 32769, 100_000, 1 << 20, 3<<20 + 5} {
		b := content(n)
		want := blake3.Sum256(b)
		if got := Sum(b); got != want {
			t.Errorf("%d bytes: Sum %x, want %x", n, got, want)
		}
		got, length, err := SumReader(bytes.NewReader(b))
		if err != nil || length != int64(n) || got != want {
			t.Errorf("%d bytes: SumReader %x, %d, %v, want %x", n, got, length, err, want)
		}
	}
}

// The empty content's hash is published; it pins the function itself, not just two packages that agree.
func TestSumEmpty(t *testing.T) {
	const want = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
	if got := fmt.Sprintf("%x", Sum(nil)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRoot(t *testing.T) {
	const c = ChunkSize
	for _, n := range []int{
		c + 1, c + 1024, c + 1025, c + 16384, c + 16385, 2*c - 1, 2 * c, 2*c + 1, 3 * c, 3*c + 1, 5*c + 12345,
	} {
		b := content(n)
		count := (n + c - 1) / c
		values := make([][32]byte, count)
		for _, i := range rand.Perm(count) { // any order
			values[i] = ChunkValue(b[i*c:min((i+1)*c, n)], int64(i))
		}
		if got, want := Root(values, int64(n)), blake3.Sum256(b); got != want {
			t.Errorf("%d bytes: root %x, want %x", n, got, want)
		}
	}
}

func TestChunkInPieces(t *testing.T) {
	for _, n := range []int{1, 1024, 16384, 16385, 50_000, 1 << 20, ChunkSize} {
		b := content(n)
		want := ChunkValue(b, 3)
		for _, piece := range []int{1000, 16384, 1 << 20} {
			c := NewChunk(3)
			for rest := b; len(rest) > 0; {
				k := min(piece, len(rest))
				c.Write(rest[:k])
				rest = rest[k:]
			}
			if got := c.Value(); got != want {
				t.Errorf("%d bytes in pieces of %d: %x, want %x", n, piece, got, want)
			}
		}
	}
}

func TestChunkValueDependsOnPlace(t *testing.T) {
	b := content(5000)
	if ChunkValue(b, 0) == ChunkValue(b, 1) {
		t.Error("the same bytes have the same value in another chunk")
	}
}

func BenchmarkSum(b *testing.B) {
	for _, n := range []int{256, 4 << 10, 8 << 10, 16 << 10, 64 << 10, 8 << 20} {
		data := content(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				Sum(data)
			}
		})
	}
}

func BenchmarkChunkValue(b *testing.B) {
	data := content(ChunkSize)
	b.SetBytes(ChunkSize)
	for b.Loop() {
		ChunkValue(data, 1)
	}
}
