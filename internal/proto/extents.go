package proto

// Extents asks where in a content there is data; what lies between is zeros.
type Extents struct {
	Hash   Hash
	Offset int64 // from here on
}

// ExtentsReply has ranges of data in order. What it tells goes up to End; if that is not the size there is more to ask for.
type ExtentsReply struct {
	Size int64
	End  int64
	Data []Extent
}

// Extent is a range of a content.
type Extent struct{ Offset, Length int64 }

// MaxExtents is how many ranges one reply has at most.
const MaxExtents = 4096

var (
	extentsFields = []field{
		{name: "hash", want: aHash},
		{name: "offset", want: anInteger, most: MaxContent, optional: true},
	}
	dataField          = field{name: "data", want: anArray, most: MaxExtents, optional: true}
	extentsReplyFields = []field{
		{name: "size", want: anInteger, most: MaxContent},
		{name: "end", want: anInteger, most: MaxContent},
		dataField,
	}
	extentFields = []field{
		{name: "offset", want: anInteger, most: MaxContent},
		{name: "length", want: anInteger, least: 1, most: MaxContent},
	}
)

// ParseExtents reads the header of an extents.
func ParseExtents(raw []byte) (*Extents, error) {
	x := &Extents{}
	return result(x, parse(raw, MaxHeader, extentsFields, func(name string, v *value) {
		switch name {
		case "hash":
			x.Hash = v.hash
		case "offset":
			x.Offset = v.n
		}
	}))
}

// Append appends the header as JSON to b.
func (x *Extents) Append(b []byte) []byte {
	b = appendHexField(append(b, '{'), "hash", x.Hash[:])
	return closeObject(appendOptional(b, "offset", x.Offset))
}

// ParseExtentsReply reads the header of the reply to an extents. The ranges rise, do not touch, and lie before the end.
func ParseExtentsReply(raw []byte) (*ExtentsReply, error) {
	x := &ExtentsReply{}
	err := parse(raw, MaxReplyHeader, extentsReplyFields, func(name string, v *value) {
		switch name {
		case "size":
			x.Size = v.n
		case "end":
			x.End = v.n
		case "data":
			at := int64(-1)
			v.err = dataField.each(v, func(_ int, in *cursor) *Error {
				var e Extent
				_, err := walk(in, extentFields, func(name string, v *value) {
					if name == "offset" {
						e.Offset = v.n
					} else {
						e.Length = v.n
					}
				})
				if err == nil && e.Offset <= at {
					err = Errorf(BadHeader, "data at %d after %d", e.Offset, at)
				}
				at = e.Offset + e.Length
				x.Data = append(x.Data, e)
				return err
			})
		}
	})
	if err == nil && (x.End > x.Size || len(x.Data) > 0 && x.Data[len(x.Data)-1].beyond(x.End)) {
		err = Errorf(BadHeader, "ranges past the end")
	}
	return result(x, err)
}

func (e Extent) beyond(end int64) bool { return e.Length > end || e.Offset > end-e.Length }

// Append appends the header as JSON to b.
func (x *ExtentsReply) Append(b []byte) []byte {
	b = appendInt(append(b, '{'), "size", x.Size)
	b = appendInt(b, "end", x.End)
	if len(x.Data) == 0 {
		return closeObject(b)
	}
	b = append(appendField(b, "data"), '[')
	for _, e := range x.Data {
		b = appendInt(append(b, '{'), "offset", e.Offset)
		b = append(closeObject(appendInt(b, "length", e.Length)), ',')
	}
	return closeObject(append(closeArray(b), ','))
}

// extentsAnswers: what is told begins where it was asked for, and gets on.
func extentsAnswers(request, reply Header, length uint64) *Error {
	from, x := request.(*Extents).Offset, reply.(*ExtentsReply)
	switch {
	case len(x.Data) > 0 && x.Data[0].Offset < from:
		return Errorf(BadHeader, "data at %d, asked from %d on", x.Data[0].Offset, from)
	case x.End < x.Size && x.End <= from:
		return Errorf(BadHeader, "nothing is told from %d on", from)
	}
	return noBody(nil, length)
}
