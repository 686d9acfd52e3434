package store

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"sluice/internal/delta"
	"sluice/internal/hash"
)

// assemble puts a chunk together of ranges.
func assemble(s *Store, w Who, upload, index int64, value [32]byte, from [][32]byte, ranges []Range, literals []byte) error {
	a, err := s.AssembleBegin(w, upload, index, value, from, ranges)
	if err != nil {
		return err
	}
	if a.Present() {
		return a.Finish()
	}
	if err := fill(a.Pieces(), literals); err != nil {
		a.Abort()
		return err
	}
	return a.Finish()
}

// openSparse opens an upload whose file takes no room ahead.
func openSparse(t *testing.T, s *Store, w Who, size int64) int64 {
	t.Helper()
	u, err := number(s.UploadOpen(w, newOnce(12), Opening{Size: size, Sparse: true}, numberReply))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestAssemble(t *testing.T) {
	for _, sparse := range []bool{true, false} {
		data := newFolder(t, 0)
		addAccount(t, data, "bob", 0)
		s := openSlot(t, data, 0, nil)
		w := account(t, s, "ann")
		large, small := bytesOf(1, 300<<10), bytesOf(2, 5000)
		if _, err := put(s, w, large, small, bytesOf(3, 9000)); err != nil {
			t.Fatal(err)
		}
		from := [][32]byte{hash.Sum(large), hash.Sum(small)}
		const hole = 64 << 10
		first := slices.Concat(large[7:70_007], bytesOf(4, 100), large[:4096], small[10:4990], make([]byte, hole), large)
		rest := ChunkSize - len(first)
		tail := bytesOf(5, rest)
		content := slices.Concat(first, tail, make([]byte, hole))
		ranges := []Range{{Length: 70_000, Offset: 7}, {Kind: Literal, Length: 100}, {Length: 4096}, {From: 1, Length: 4980, Offset: 10},
			{Kind: Zero, Length: hole}, {Length: 300 << 10}, {Kind: Literal, Length: int64(rest)}}
		u := openSparse(t, s, w, int64(len(content)))
		if !sparse {
			u = openUpload(t, s, w, int64(len(content)))
		}
		for range 2 { // the second time it is there
			value := hash.ChunkValue(content[:ChunkSize], 0)
			if err := assemble(s, w, u, 0, value, from, ranges, slices.Concat(bytesOf(4, 100), tail)); err != nil {
				t.Fatal(err)
			}
			if err := assemble(s, w, u, 1, hash.ChunkValue(content[ChunkSize:], 1), nil, []Range{{Kind: Zero, Length: hole}}, nil); err != nil {
				t.Fatal(err)
			}
		}
		h := hash.Sum(content)
		if _, err := s.UploadSeal(w, newOnce(14), u, int64(len(content)), h, nil); err != nil {
			t.Fatal(err)
		}
		wantContents(t, s, w, content, large, small)

		// Holes are told, and are holes.
		size, end, found, err := s.Extents(w, h, 0, 100)
		if err != nil || size != int64(len(content)) || end != size {
			t.Fatalf("%d, %d, %v", size, end, err)
		}
		if len(found) == 1 && found[0].Length == size {
			t.Log("this file system tells of no holes")
		} else if last := found[len(found)-1]; last.Offset+last.Length > ChunkSize || len(found) < 2 {
			t.Errorf("data at %v", found)
		}
		if len(found) > 1 {
			_, end, part, err := s.Extents(w, h, 1, 1)
			if err != nil || len(part) != 1 || part[0].Offset != 1 || end != part[0].Offset+part[0].Length && end != found[1].Offset {
				t.Errorf("one range from 1 on: %v up to %d, %v", part, end, err)
			}
		}

		// Its signature is that of its bytes; others are told of nothing.
		block := int64(delta.LeastBlock)
		want, err := delta.AppendEntries(nil, bytes.NewReader(content), size, block, 3, 50)
		if err != nil {
			t.Fatal(err)
		}
		if n, got, err := s.Signature(t.Context(), w, h, block, 3, 50, false); err != nil || n != size || !bytes.Equal(got, want) {
			t.Errorf("signature: %d bytes, %v", len(got), err)
		}
		sums, err := delta.AppendSums(nil, bytes.NewReader(content), size, block, 120, delta.Blocks(size, block)-120, make([]byte, 1000))
		if err != nil {
			t.Fatal(err)
		}
		if _, got, err := s.Signature(t.Context(), w, h, block, 120, 1000, true); err != nil || !bytes.Equal(got, sums) {
			t.Errorf("sums: %d bytes, %v", len(got), err)
		}
		if _, got, err := s.Signature(t.Context(), w, h, block, 1<<40, 5, false); err != nil || len(got) != 0 {
			t.Errorf("blocks past the end: %d bytes, %v", len(got), err)
		}
		ended, end2 := context.WithCancel(t.Context())
		end2()
		if _, _, err := s.Signature(ended, w, h, block, 0, 1000, true); !errors.Is(err, context.Canceled) {
			t.Errorf("a request that has ended: %v", err)
		}
		bob := account(t, s, "bob")
		if _, _, err := s.Signature(t.Context(), bob, h, block, 0, 1, false); err != ErrNotFound {
			t.Errorf("another's signature: %v", err)
		}
		if _, _, _, err := s.Extents(bob, h, 0, 1); err != ErrNotFound {
			t.Errorf("another's extents: %v", err)
		}
		audit(t, data, true)
	}
}

// TestAssembleRefused: whatever is wrong with a request, nothing of it stays, and the chunk can be brought rightly.
func TestAssembleRefused(t *testing.T) {
	data := newFolder(t, 0)
	addAccount(t, data, "bob", 0)
	s := openSlot(t, data, 0, nil)
	w, bob := account(t, s, "ann"), account(t, s, "bob")
	mine, others := bytesOf(1, 300<<10), bytesOf(2, 300<<10)
	if _, err := put(s, w, mine); err != nil {
		t.Fatal(err)
	}
	if _, err := put(s, bob, others); err != nil {
		t.Fatal(err)
	}
	const size = ChunkSize + 100
	content := slices.Concat(mine, bytesOf(3, ChunkSize-300<<10), make([]byte, 100))
	value := hash.ChunkValue(content[:ChunkSize], 0)
	u := openSparse(t, s, w, size)
	held, not := [][32]byte{hash.Sum(mine)}, [][32]byte{hash.Sum(others)}
	rest := Range{Kind: Literal, Length: ChunkSize - 300<<10}
	tail := content[300<<10 : ChunkSize]
	before := filesOpen(t, data)
	for _, c := range []struct {
		name   string
		who    Who
		upload int64
		index  int64
		from   [][32]byte
		ranges []Range
		want   error
	}{
		{"of a content of another", w, u, 0, not, []Range{{Length: 300 << 10}, rest}, ErrNotFound},
		{"of a content that is not there", w, u, 0, [][32]byte{{1}}, []Range{{Length: 300 << 10}, rest}, ErrNotFound},
		{"of one's own and of another's", w, u, 0, [][32]byte{held[0], not[0]}, []Range{{Length: 300 << 10}, rest}, ErrNotFound},
		{"in the upload of another", bob, u, 0, not, []Range{{Length: 300 << 10}, rest}, ErrNotFound},
		{"a byte past the end", w, u, 0, held, []Range{{Length: 300<<10 + 1}, {Kind: Literal, Length: rest.Length - 1}}, ErrRange},
		{"at the end", w, u, 0, held, []Range{{Offset: 300 << 10, Length: 1}, {Kind: Literal, Length: ChunkSize - 1}}, ErrRange},
		{"far past the end", w, u, 0, held, []Range{{Offset: math.MaxInt64, Length: 300 << 10}, rest}, ErrRange},
		{"before the start", w, u, 0, held, []Range{{Offset: -1, Length: 300 << 10}, rest}, ErrRange},
		{"a content that was not named", w, u, 0, held, []Range{{From: 1, Length: 300 << 10}, rest}, ErrRange},
		{"a content before the first", w, u, 0, held, []Range{{From: -1, Length: 300 << 10}, rest}, ErrRange},
		{"a byte too few", w, u, 0, held, []Range{{Length: 300<<10 - 1}, rest}, ErrRange},
		{"a byte too many", w, u, 0, held, []Range{{Length: 300 << 10}, rest, {Kind: Zero, Length: 1}}, ErrRange},
		{"over and over", w, u, 0, held, slices.Repeat([]Range{{Length: 300 << 10}}, 1000), ErrRange},
		{"lengths that wrap", w, u, 0, held, []Range{{Kind: Zero, Length: math.MaxInt64}, {Kind: Zero, Length: math.MaxInt64}}, ErrRange},
		{"a range of nothing", w, u, 0, held, []Range{{Length: 300 << 10}, rest, {Kind: Zero}}, ErrRange},
		{"a length below zero", w, u, 0, held, []Range{{Kind: Zero, Length: -5}, {Kind: Zero, Length: ChunkSize}}, ErrRange},
		{"no ranges", w, u, 0, nil, nil, ErrRange},
		{"of another kind", w, u, 0, held, []Range{{Kind: 9, Length: ChunkSize}}, ErrRange},
		{"a chunk past the end", w, u, 2, held, []Range{{Length: 100}}, ErrRange},
		{"a chunk before the first", w, u, -1, held, []Range{{Length: 100}}, ErrRange},
		{"a last chunk that is too long", w, u, 1, held, []Range{{Length: 101}}, ErrRange},
		{"no upload", w, u + 1000, 0, held, []Range{{Length: 300 << 10}, rest}, ErrNotFound},
	} {
		a, err := s.AssembleBegin(c.who, c.upload, c.index, value, c.from, c.ranges)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if err == nil {
			a.Abort()
		}
	}
	if n := filesOpen(t, data); n > before+1 { // a content that is held may be kept open
		t.Errorf("%d descriptors more", n-before)
	}

	// Ranges that are right and make another chunk; an attempt that ends half-way. Then zeros where their bytes are.
	if err := assemble(s, w, u, 0, value, held, []Range{{Offset: 4096, Length: 4096}, {Kind: Literal, Length: ChunkSize - 4096}}, bytesOf(7, ChunkSize-4096)); err != ErrHash {
		t.Errorf("another chunk: %v", err)
	}
	if err := assemble(s, w, u, 1, hash.ChunkValue(make([]byte, 100), 1), nil, []Range{{Kind: Literal, Length: 100}}, bytesOf(8, 100)); err != ErrHash {
		t.Errorf("another last chunk: %v", err)
	}
	a, err := s.AssembleBegin(w, u, 0, value, held, []Range{{Length: 300 << 10}, rest})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AssembleBegin(w, u, 0, value, held, []Range{{Length: 300 << 10}, rest}); err != ErrBusy {
		t.Errorf("two at once: %v", err)
	}
	if _, err := s.ChunkBegin(w, u, 0, ChunkSize, value); err != ErrBusy {
		t.Errorf("a chunk beside it: %v", err)
	}
	if err := fill(a.Pieces(), bytesOf(9, int(rest.Length))); err != nil {
		t.Fatal(err)
	}
	a.Abort()
	if err := assemble(s, w, u, 0, value, held, []Range{{Length: 300 << 10}, rest}, tail); err != nil {
		t.Fatal(err)
	}
	if err := assemble(s, w, u, 1, hash.ChunkValue(make([]byte, 100), 1), nil, []Range{{Kind: Zero, Length: 100}}, nil); err != nil {
		t.Fatal(err)
	}
	if err := assemble(s, w, u, 0, hash.ChunkValue(make([]byte, ChunkSize), 0), nil, []Range{{Kind: Zero, Length: ChunkSize}}, nil); err != ErrDiffers {
		t.Errorf("another value of a chunk that is there: %v", err)
	}
	if _, err := s.UploadSeal(w, newOnce(14), u, size, hash.Sum(content), nil); err != nil {
		t.Fatal(err)
	}
	wantContents(t, s, w, content, mine)
	wantContents(t, s, bob, others)
	audit(t, data, true)
}
