package delta

import (
	"io"
	"math"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
)

// Match says that a part of the scanned file is like a part of the content.
type Match struct {
	At     int64 // in the file
	From   int64 // in the content
	Length int64
}

// Scan is the comparison of a file with a content. Parts of the file may be scanned side by side: each tells the others
// by how much the file is shifted.
type Scan struct {
	signature *Signature
	shift     atomic.Int64 // From - At of the latest match
}

// NewScan begins a comparison. Nothing is known of the shift, so none is expected.
func NewScan(s *Signature) *Scan { return &Scan{signature: s} }

// Buffer is how many bytes Part wants to read into: what is compared stays in a core's second-level cache.
func (c *Scan) Buffer() int { return int(max(8*LeastBlock, 4*c.signature.block)) }

// Sum gives the sum of a whole block of the content.
type Sum func(block int64) (uint64, error)

// Part tells which parts of the bytes from..to of a file of size bytes are like parts of the content, in order, none
// overlapping another. With sums whole blocks are compared, and wrong counts those of which only the ends were alike;
// without (nil) the ends alone. It reads the file once, from a block before the part to a block behind it, and shows seen (if
// it is not nil) the part's own bytes, in order, in pieces. buf has Buffer bytes at least.
func (c *Scan) Part(r io.ReaderAt, from, to, size int64, sums Sum, buf []byte, seen func([]byte)) (found []Match, wrong int, err error) {
	return c.part(r, from, to, size, sums, buf, seen)
}

func (c *Scan) part(r io.ReaderAt, from, to, size int64, sums Sum, buf []byte, seen func([]byte)) (found []Match, wrong int, err error) {
	start, end := c.Span(from, to, size)
	p := part{
		scan: c, s: c.signature, sums: sums, from: from, to: to, size: size, at: start,
		credit: credit,
		view:   view{r: r, buf: buf, base: start, end: start, limit: end, from: from, to: to, seen: seen},
	}
	err = p.run()
	return p.found, p.wrong, err
}

// Span is what Part reads, and PartOf wants to have in memory, for a part: a block more on each side, as far as the file goes.
func (c *Scan) Span(from, to, size int64) (start, end int64) {
	return max(0, from-c.signature.block), min(size, to+c.signature.block)
}

// PartOf is Part for a file whose Span is in memory already.
func (c *Scan) PartOf(span []byte, from, to, size int64, sums Sum, seen func([]byte)) (found []Match, wrong int, err error) {
	return c.part(nil, from, to, size, sums, span, seen)
}

// credit is how many bytes may be compared in vain before any was passed.
const credit = 1 << 20

// part is one call of Part.
type part struct {
	scan   *Scan
	s      *Signature
	sums   Sum
	view   view
	from   int64
	to     int64
	size   int64
	at     int64 // what lies before is decided
	credit int64
	found  []Match
	wrong  int
}

// run goes through the part: as expected while that holds, and else by every offset.
func (p *part) run() error {
	shift := p.scan.shift.Load()
	next, ok, err := p.expect(shift)
	if err == nil && !ok && shift != 0 {
		next, ok, err = p.expect(0)
	}
	for err == nil && p.at < p.to {
		if ok {
			ok, err = p.follow(&next)
			continue
		}
		next, ok, err = p.search()
		if err == nil && !ok {
			break
		}
	}
	if err != nil {
		return err
	}
	for p.view.end < p.to { // what is left is shown
		if err := p.view.need(p.view.end, min(p.to, p.view.end+int64(len(p.view.buf)))); err != nil {
			return err
		}
	}
	return nil
}

// place is where a block may lie in the file.
type place struct{ at, block int64 }

// expect gives the first block under a shift, if it lies there or the one behind it does.
func (p *part) expect(shift int64) (place, bool, error) {
	b := p.s.block
	block := max(0, (p.at+shift+b-1)/b)
	next := place{block*b - shift, block}
	if next.at < p.at || next.at >= min(p.at+b, p.to) { // the content begins later, and a search would find that
		return next, false, nil
	}
	ok, err := p.follow(&next)
	return next, ok, err
}

// follow takes the block that is expected, or, where that was overwritten, the one behind it.
func (p *part) follow(next *place) (bool, error) {
	for _, n := range [2]place{*next, {next.at + p.s.block, next.block + 1}} {
		if n.at >= p.to || n.block >= p.s.count() || n.at+p.s.length(n.block) > p.size {
			return false, nil
		}
		ok, err := p.like(n)
		if err != nil {
			return false, err
		}
		if ok {
			p.take(n)
			*next = place{n.at + p.s.block, n.block + 1}
			return true, nil
		}
	}
	return false, nil
}

// like compares a block of the content with the file at a place, whose bytes lie within the limit.
func (p *part) like(n place) (bool, error) {
	length := p.s.length(n.block)
	if n.at+length > p.view.limit {
		return false, nil
	}
	if err := p.view.need(p.at, n.at+length); err != nil {
		return false, err
	}
	b := p.view.bytes(n.at, n.at+length)
	if endsOf(b) != uint32(p.s.key(n.block)) {
		return false, nil
	}
	return p.same(n.block, b)
}

// same compares the whole of a block whose ends are alike, if sums are at hand.
func (p *part) same(block int64, b []byte) (bool, error) {
	if p.sums == nil {
		return true, nil
	}
	sum, err := p.sums(block)
	if err != nil {
		return false, err
	}
	if xxhash.Sum64(b) != sum {
		p.wrong++
		return false, nil
	}
	return true, nil
}

func endsOf(b []byte) uint32 {
	k := min(ends, len(b))
	return endsSum(b[:k], b[len(b)-k:])
}

// take notes a match, of which only what lies within the part counts.
func (p *part) take(n place) {
	length := p.s.length(n.block)
	p.at = n.at + length
	m := Match{n.at, n.block * p.s.block, length}
	p.scan.shift.Store(m.From - m.At)
	if cut := p.from - m.At; cut > 0 {
		m.At, m.From, m.Length = m.At+cut, m.From+cut, m.Length-cut
	}
	m.Length = min(m.Length, p.to-m.At)
	if m.Length <= 0 {
		return
	}
	if k := len(p.found) - 1; k >= 0 {
		if last := &p.found[k]; last.At+last.Length == m.At && last.From+last.Length == m.From {
			last.Length += m.Length
			return
		}
	}
	p.found = append(p.found, m)
}

// search looks for any whole block at every offset, and takes the first it finds. Blocks that lie before it, up to where the
// search began, are taken with it: the search may have passed them by for want of credit.
func (p *part) search() (next place, ok bool, err error) {
	b := p.s.block
	begin := p.at
	for at := begin; at < p.to && at+b <= p.view.limit; {
		keep := max(begin, at-b)
		if err := p.view.need(keep, at+b); err != nil {
			return next, false, err
		}
		// All offsets whose whole block is in memory.
		last := min(p.to, p.view.end-b+1)
		i, block, err := p.sift(p.view.bytes(at, last-1+b), int(last-at))
		if err != nil {
			return next, false, err
		}
		at += int64(i)
		if block < 0 {
			continue
		}
		n := place{at, block}
		for back := (place{at - b, block - 1}); back.block >= 0 && back.at >= max(begin, p.view.base); back.at, back.block = back.at-b, back.block-1 {
			if like, err := p.like(back); err != nil || !like {
				break
			}
			n = back
		}
		for ; n.at <= at; n.at, n.block = n.at+b, n.block+1 {
			p.take(n)
		}
		return n, true, nil
	}
	p.at = max(p.at, min(p.to, p.view.limit))
	return next, false, nil
}

// sift goes through the first count offsets of b, which holds a whole block for each, and stops at the first that has a
// block of the content (block -1: none).
func (p *part) sift(b []byte, count int) (at int, block int64, err error) {
	s := p.s
	size := int(s.block)
	last := b[window-1 : window-1+count] // the last byte of the window at each offset
	g := roll(0, b[:window-1])
	paid := 0
	vain := uint64(math.MaxUint64) // the last sum that was looked at in vain: a run of equal bytes has only one
	for i := 0; ; i++ {
		i += s.pass(last[i:], &g)
		if i >= count {
			p.credit += int64(count - paid)
			return count, -1, nil
		}
		weak := g.sum()
		if uint64(weak) == vain || !s.begins(weak) {
			continue
		}
		p.credit += int64(i - paid)
		paid = i
		if p.credit < 0 {
			continue
		}
		whole := b[i : i+size]
		p.credit -= 2 * ends
		if block = s.find(weak, endsOf(whole)); block >= 0 {
			ok, err := p.same(block, whole)
			if err != nil || ok {
				return i, block, err
			}
			p.credit -= int64(size)
		}
		vain = uint64(weak)
	}
}

// pass rolls over bytes and tells how many come before the first sum that may be that of a block. It is where the time goes
// that new bytes take.
func (s *Signature) pass(b []byte, state *gear) int {
	g, filter, sieve, table := *state, s.filter, s.sieve&63, &gears
	for i, c := range b {
		g = g<<1 + table[c]
		bit := uint64(g) >> sieve
		if filter[bit/64]>>(bit%64)&1 != 0 {
			*state = g
			return i
		}
	}
	*state = g
	return len(b)
}
