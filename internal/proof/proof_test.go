package proof

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var secret = [32]byte{1, 2, 3}

func TestRanges(t *testing.T) {
	for _, size := range []int64{Least, Least + 1, 3*piece - 1, Whole - 1, Whole, Whole + 1, Whole + block, 1<<30 + 7, 16 << 40} {
		nonce := rand.Uint64()
		ranges := Ranges(bytes.Repeat([]byte{byte(nonce)}, NonceLen), size)
		if len(ranges) != TagsOf(size) || len(ranges) > MaxTags {
			t.Fatalf("size %d: %d ranges, %d tags", size, len(ranges), TagsOf(size))
		}
		end, sum := int64(0), int64(0)
		for i, r := range ranges {
			if r.Offset < end || r.Length < 1 || r.Length > MaxRange || r.Offset+r.Length > size {
				t.Fatalf("size %d: range %d is %v after %d", size, i, r, end)
			}
			end = r.Offset + r.Length
			sum += r.Length
		}
		if size <= Whole && sum != size {
			t.Errorf("size %d: %d bytes are proven", size, sum)
		}
		if sum > Cost(size) || sum <= Cost(size)-block {
			t.Errorf("size %d: %d bytes are read, the cost is said to be %d", size, sum, Cost(size))
		}
	}
}

// Another nonce asks for other blocks, and every block is asked for by some: the short one at the end, too.
func TestRangesDependOnTheNonce(t *testing.T) {
	const size = Whole + 200<<10 + 1
	asked := make(map[int64]bool)
	for i := range 2000 {
		for _, r := range Ranges([]byte{byte(i), byte(i >> 8)}, size) {
			asked[r.Offset/block] = true
		}
	}
	if want := (size + block - 1) / block; len(asked) != want {
		t.Errorf("%d of %d blocks were ever asked for", len(asked), want)
	}
	same := slices.Equal(Ranges([]byte{1}, size), Ranges([]byte{2}, size))
	if same || !slices.Equal(Ranges([]byte{1}, size), Ranges([]byte{1}, size)) {
		t.Error("the ranges do not follow from the nonce")
	}
}

// Whoever lacks bytes fails. The chance to pass is the product, over the strata, of the share of blocks that are known
// there: computed for the ways in which half of a content may be known, and by trial for a share so great that some pass.
func TestHalfTheBytesFail(t *testing.T) {
	const size = 1 << 30
	random := rand.New(rand.NewPCG(1, 2))
	know := map[string]func(blk int64) bool{
		"first half":            func(blk int64) bool { return blk < size/block/2 },
		"second half":           func(blk int64) bool { return blk >= size/block/2 },
		"every second":          func(blk int64) bool { return blk%2 == 0 },
		"half of each mebibyte": func(blk int64) bool { return blk%16 < 8 },
	}
	drawn := make(map[int64]bool)
	for blk := range int64(size / block) {
		drawn[blk] = random.IntN(2) == 0
	}
	know["drawn at random"] = func(blk int64) bool { return drawn[blk] }
	for name, knows := range know {
		chance := 1.0
		for i := range int64(draws) {
			known, all := 0, 0
			for blk := size / block * i / draws; blk < size/block*(i+1)/draws; blk++ {
				all++
				if knows(blk) {
					known++
				}
			}
			chance *= float64(known) / float64(all)
		}
		if chance > 1e-4 {
			t.Errorf("%s: passes with a chance of %g", name, chance)
		}
		for n := range 1_000 {
			passes := true
			for _, r := range Ranges([]byte{byte(n), byte(n >> 8)}, size) {
				passes = passes && knows(r.Offset/block)
			}
			if passes {
				t.Errorf("%s: passes by trial %d", name, n)
			}
		}
	}
	const tries, share = 4_000, 0.95 // 0.95^64 = 3.75 %
	lack, passed := make(map[int64]bool), 0
	for blk := range int64(size / block) {
		lack[blk] = random.Float64() >= share
	}
	for n := range tries {
		passes := true
		for _, r := range Ranges([]byte{byte(n), byte(n >> 8), 7}, size) {
			passes = passes && !lack[r.Offset/block]
		}
		if passes {
			passed++
		}
	}
	if got := float64(passed) / tries; got > 2*math.Pow(share, draws) {
		t.Errorf("with %g of the blocks %g pass, expected %g", share, got, math.Pow(share, draws))
	}
}

// A content that is proven whole is proven to its last byte.
func TestEveryByteCounts(t *testing.T) {
	content := make([]byte, 3*piece+17)
	c := Challenge{Nonce: make([]byte, NonceLen), Server: "s", Account: "a", Size: int64(len(content))}
	want, err := c.Tags(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 1, piece - 1, piece, 2*piece + 5, len(content) - 1} {
		content[at] ^= 1
		got, err := c.Tags(bytes.NewReader(content))
		if err != nil || bytes.Equal(got, want) {
			t.Errorf("byte %d does not count (%v)", at, err)
		}
		content[at] ^= 1
	}
	if _, err := c.Tags(bytes.NewReader(content[:len(content)-1])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a content that is too short: %v", err)
	}
}

// A tag is good for its place, nonce, server, account and content only.
func TestTagsAreBound(t *testing.T) {
	base := Challenge{Nonce: []byte("n"), Server: "s", Account: "a", Size: Least}
	b := []byte("bytes")
	tag := base.Key().Tag(0, b)
	tags := append(tag[:], tag[:]...)
	if !base.Key().Fits(0, b, tags) {
		t.Fatal("its own tag does not fit")
	}
	if base.Key().Fits(1, b, tags) || base.Key().Fits(2, b, tags) || base.Key().Fits(0, b, tags[:TagLen-1]) {
		t.Error("a tag fits where it does not belong")
	}
	for name, change := range map[string]func(c *Challenge){
		"nonce":                func(c *Challenge) { c.Nonce = []byte("m") },
		"server":               func(c *Challenge) { c.Server = "t" },
		"account":              func(c *Challenge) { c.Account = "b" },
		"content":              func(c *Challenge) { c.Hash[31] = 1 },
		"where one field ends": func(c *Challenge) { c.Server, c.Account = "sa", "" },
	} {
		c := base
		change(&c)
		if c.Key().Fits(0, b, tags) {
			t.Errorf("another %s, and the tag fits", name)
		}
	}
}

func TestNonce(t *testing.T) {
	base := Subject{Server: "s", Account: 1, Device: 2, Hash: [32]byte{3}, Size: 4}
	n := base.NewNonce(secret, 100)
	id, end, good := base.Check(secret, n[:], 99)
	if !good || end != 100 || len(id) != idLen {
		t.Fatalf("its own nonce: %x %d %t", id, end, good)
	}
	if m := base.NewNonce(secret, 100); bytes.Equal(m[:idLen], n[:idLen]) {
		t.Error("two nonces are alike")
	}
	refused := func(what string, s Subject, nonce []byte, now int64) {
		if _, _, good := s.Check(secret, nonce, now); good {
			t.Errorf("good though %s", what)
		}
	}
	refused("it has ended", base, n[:], 100)
	refused("it is cut", base, n[:NonceLen-1], 1)
	refused("it is empty", base, nil, 1)
	refused("it is longer", base, append(n[:], 0), 1)
	for i := range n {
		m := n
		m[i] ^= 0x80
		refused("a bit is changed", base, m[:], -1<<62)
	}
	for name, change := range map[string]func(s *Subject){
		"of another server":  func(s *Subject) { s.Server = "t" },
		"of another account": func(s *Subject) { s.Account = 9 },
		"of another device":  func(s *Subject) { s.Device = 9 },
		"of another content": func(s *Subject) { s.Hash[0] = 9 },
		"of another size":    func(s *Subject) { s.Size = 9 },
	} {
		s := base
		change(&s)
		refused("it is "+name, s, n[:], 1)
	}
	if _, _, good := base.Check([32]byte{9}, n[:], 1); good {
		t.Error("good under another secret")
	}
}

func BenchmarkTagsWhole(b *testing.B) {
	content := bytes.NewReader(make([]byte, Whole))
	c := Challenge{Nonce: make([]byte, NonceLen), Size: Whole}
	b.SetBytes(Whole)
	for b.Loop() {
		if _, err := c.Tags(content); err != nil {
			b.Fatal(err)
		}
	}
}
