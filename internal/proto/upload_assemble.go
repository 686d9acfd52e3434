package proto

import "math"

// UploadAssemble makes a chunk of an upload of ranges of contents this account holds, of bytes of the body and of zeros.
type UploadAssemble struct {
	Upload int64
	Index  int64
	Value  Hash    // as in UploadChunk
	From   []Hash  // the contents that ranges name
	Ranges []Range // one after another, they are the chunk
}

// Range is a part of a chunk, of exactly one kind.
type Range struct {
	Kind   RangeKind
	Length int64
	From   int   // copied: index of UploadAssemble.From
	Offset int64 // copied: in that content
}

// RangeKind says where a range's bytes come from.
type RangeKind uint8

const (
	Copied  RangeKind = iota // out of a content
	Literal                  // out of the body, in order
	Zero
)

const (
	MaxRanges  = 1024 // in a chunk: one for each 8 KiB, so that a header stays small and a chunk is not made of crumbs
	MaxSources = 16   // contents that one chunk may be made of
)

var (
	sourcesField         = field{name: "from", want: anArray, least: 1, most: MaxSources, optional: true}
	rangesField          = field{name: "ranges", want: anArray, least: 1, most: MaxRanges}
	uploadAssembleFields = []field{
		{name: "upload", want: anInteger, least: 1, most: math.MaxInt64},
		{name: "index", want: anInteger, most: MaxChunks - 1},
		{name: "value", want: aHash},
		sourcesField,
		rangesField,
	}
	rangeFields = []field{
		{name: "from", want: anInteger, most: MaxSources - 1, optional: true},
		{name: "offset", want: anInteger, most: MaxContent, optional: true},
		{name: "length", want: anInteger, least: 1, most: ChunkSize, optional: true},
		{name: "literal", want: anInteger, least: 1, most: ChunkSize, optional: true},
		{name: "zero", want: anInteger, least: 1, most: ChunkSize, optional: true},
	}
)

// The sets of fields a range may have, bit i for rangeFields[i]; of a copied one "from" may be absent.
const (
	copiedRange  = 1<<1 | 1<<2
	copiedFrom   = 1 << 0
	literalRange = 1 << 3
	zeroRange    = 1 << 4
)

// ParseUploadAssemble reads the header of an upload-assemble. What it says of itself is right then: contents that are
// named are there to be named, and the ranges are no longer than a chunk.
func ParseUploadAssemble(raw []byte) (*UploadAssemble, error) {
	x := &UploadAssemble{}
	err := parse(raw, MaxHeader, uploadAssembleFields, func(name string, v *value) {
		switch name {
		case "upload":
			x.Upload = v.n
		case "index":
			x.Index = v.n
		case "value":
			x.Value = v.hash
		case "from":
			v.err = sourcesField.each(v, func(_ int, in *cursor) *Error {
				var h Hash
				if s, ok := in.str(); !ok || !decodeHex(h[:], s) {
					return Errorf(BadHeader, "field from: wrong value")
				}
				x.From = append(x.From, h)
				return nil
			})
		case "ranges":
			v.err = rangesField.each(v, func(_ int, in *cursor) *Error {
				r, err := parseRange(in)
				x.Ranges = append(x.Ranges, r)
				return err
			})
		}
	})
	if err == nil {
		err = x.check()
	}
	return result(x, err)
}

func parseRange(in *cursor) (r Range, err *Error) {
	seen, err := walk(in, rangeFields, func(name string, v *value) {
		switch name {
		case "from":
			r.From = int(v.n)
		case "offset":
			r.Offset = v.n
		case "length":
			r.Length = v.n
		case "literal":
			r.Kind, r.Length = Literal, v.n
		case "zero":
			r.Kind, r.Length = Zero, v.n
		}
	})
	if err != nil {
		return r, err
	}
	switch seen {
	case copiedRange, copiedRange | copiedFrom, literalRange, zeroRange:
		return r, nil
	}
	return r, Errorf(BadHeader, "a range has offset and length, literal, or zero")
}

func (x *UploadAssemble) check() *Error {
	for i, r := range x.Ranges {
		if r.Kind == Copied && r.From >= len(x.From) {
			e := Errorf(BadHeader, "a range of content %d of %d", r.From, len(x.From))
			e.Entry = i
			return e
		}
	}
	if n := x.Length(); n > ChunkSize {
		return Errorf(BadHeader, "ranges of %d bytes, at most %d", n, ChunkSize)
	}
	return nil
}

// Length is that of the chunk. It cannot overflow: at most MaxRanges of at most ChunkSize bytes.
func (x *UploadAssemble) Length() (n int64) {
	for _, r := range x.Ranges {
		n += r.Length
	}
	return n
}

// Literals is how many bytes the body has.
func (x *UploadAssemble) Literals() (n int64) {
	for _, r := range x.Ranges {
		if r.Kind == Literal {
			n += r.Length
		}
	}
	return n
}

// Append appends the header as JSON to b.
func (x *UploadAssemble) Append(b []byte) []byte {
	b = appendInt(append(b, '{'), "upload", x.Upload)
	b = appendInt(b, "index", x.Index)
	b = appendHexField(b, "value", x.Value[:])
	if len(x.From) > 0 {
		b = appendHashes(b, "from", x.From)
	}
	b = append(appendField(b, "ranges"), '[')
	for _, r := range x.Ranges {
		b = append(b, '{')
		switch r.Kind {
		case Copied:
			b = appendOptional(b, "from", int64(r.From))
			b = appendInt(b, "offset", r.Offset)
			b = appendInt(b, "length", r.Length)
		case Literal:
			b = appendInt(b, "literal", r.Length)
		case Zero:
			b = appendInt(b, "zero", r.Length)
		}
		b = append(closeObject(b), ',')
	}
	return closeObject(append(closeArray(b), ','))
}

// UploadAssembleReply says what an UploadChunkReply says.
type UploadAssembleReply = UploadChunkReply

// uploadAssembleBody: the literals, no more and no less.
func uploadAssembleBody(request Header, length uint64) *Error {
	if want := request.(*UploadAssemble).Literals(); uint64(want) != length {
		return Errorf(BadHeader, "literals of %d bytes, the body has %d", want, length)
	}
	return nil
}
