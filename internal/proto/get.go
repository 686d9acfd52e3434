package proto

import "math"

// Get asks for a range of one content. The reply's body is the range, cut at the content's end.
type Get struct {
	Hash   Hash
	Offset int64
	Length int64 // -1: to the end
}

// GetReply tells the size of the whole content.
type GetReply struct{ Size int64 }

var (
	getFields = []field{
		{name: "hash", want: aHash},
		{name: "offset", want: anInteger, most: math.MaxInt64, optional: true},
		{name: "length", want: anInteger, most: math.MaxInt64, optional: true},
	}
	getReplyFields = []field{{name: "size", want: anInteger, most: MaxContent}}
)

// ParseGet reads the header of a get.
func ParseGet(raw []byte) (*Get, error) {
	x := &Get{Length: -1}
	return result(x, parse(raw, MaxHeader, getFields, func(name string, v *value) {
		switch name {
		case "hash":
			x.Hash = v.hash
		case "offset":
			x.Offset = v.n
		case "length":
			x.Length = v.n
		}
	}))
}

// Append appends the header as JSON to b.
func (x *Get) Append(b []byte) []byte {
	b = appendHexField(append(b, '{'), "hash", x.Hash[:])
	b = appendOptional(b, "offset", x.Offset)
	if x.Length >= 0 {
		b = appendInt(b, "length", x.Length)
	}
	return closeObject(b)
}

// Range is how many bytes of a content of this size the request asks for.
func (x *Get) Range(size int64) int64 {
	if x.Offset >= size {
		return 0
	}
	if n := size - x.Offset; x.Length < 0 || x.Length > n {
		return n
	}
	return x.Length
}

// ParseGetReply reads the header of the reply to a get.
func ParseGetReply(raw []byte) (*GetReply, error) {
	x := &GetReply{}
	return result(x, parse(raw, MaxReplyHeader, getReplyFields, func(_ string, v *value) { x.Size = v.n }))
}

// Append appends the header as JSON to b.
func (x *GetReply) Append(b []byte) []byte {
	return closeObject(appendInt(append(b, '{'), "size", x.Size))
}

// getAnswers: the body is the range, no more and no less.
func getAnswers(request, reply Header, length uint64) *Error {
	if want := request.(*Get).Range(reply.(*GetReply).Size); uint64(want) != length {
		return Errorf(BadHeader, "body of %d bytes, the range has %d", length, want)
	}
	return nil
}
