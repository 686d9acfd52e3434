package client

import (
	"sluice/internal/delta"
	"sluice/internal/proto"
)

// part is a part of a chunk. Parts follow one another without gaps.
type part struct {
	kind   proto.RangeKind
	at     int64 // in the file
	length int64
	from   int64 // copied: in the other content
}

// partsOf puts a range of a file together: matches, then holes in what is left, and the rest as it is. Most, at least 8, bounds
// the parts; what would be beyond is left as it is.
func partsOf(from, to int64, matches []delta.Match, holes []span, most int) (all []part) {
	literal := func(to int64, most int) { // adds at most up to most parts, and one if there are as many
		for _, h := range within(holes, from, to) {
			if len(all)+3 > most {
				break
			}
			if h.from > from {
				all = append(all, part{kind: proto.Literal, at: from, length: h.from - from})
			}
			all = append(all, part{kind: proto.Zero, at: h.from, length: h.to - h.from})
			from = h.to
		}
		if to > from {
			all = append(all, part{kind: proto.Literal, at: from, length: to - from})
			from = to
		}
	}
	for _, m := range matches {
		if len(all)+5 > most {
			break
		}
		literal(m.At, most-3)
		all = append(all, part{kind: proto.Copied, at: m.At, length: m.Length, from: m.From})
		from = m.At + m.Length
	}
	literal(to, most)
	return all
}

// sum adds up the lengths of the parts of a kind.
func sum(parts []part, kind proto.RangeKind) (n int64) {
	for _, p := range parts {
		if p.kind == kind {
			n += p.length
		}
	}
	return n
}
