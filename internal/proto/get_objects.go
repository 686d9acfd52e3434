package proto

import "math"

// GetObjects asks for whole contents. The reply answers a prefix of what was asked: at most MaxBatch contents and
// MaxObjectsBody bytes, at least one entry. An object that is not held, or too large, is answered with a code and no bytes.
type GetObjects struct{ Hashes []Hash }

// GotObject is the answer to one hash.
type GotObject struct {
	Size int64
	Code Code // 0: its Size bytes are in the body
}

// GetObjectsReply has one answer for each hash of the prefix; the contents stand one after another in the body.
type GetObjectsReply struct{ Objects []GotObject }

var (
	gotField              = field{name: "objects", want: anArray, least: 1, most: MaxBatch}
	getObjectsReplyFields = []field{gotField}
	gotObjectFields       = []field{
		{name: "size", want: anInteger, most: MaxContent, optional: true},
		{name: "code", want: anInteger, least: 1, most: math.MaxUint16, optional: true},
	}
)

// ParseGetObjects reads the header of a get-objects.
func ParseGetObjects(raw []byte) (*GetObjects, error) {
	x := &GetObjects{}
	return result(x, parse(raw, MaxHeaderBatch, hashesFields, func(_ string, v *value) { x.Hashes = takeHashes(v) }))
}

// Append appends the header as JSON to b.
func (x *GetObjects) Append(b []byte) []byte {
	return closeObject(appendHashes(append(b, '{'), "hashes", x.Hashes))
}

// ParseGetObjectsReply reads the header of the reply to a get-objects.
func ParseGetObjectsReply(raw []byte) (*GetObjectsReply, error) {
	x := &GetObjectsReply{}
	err := parse(raw, MaxReplyHeader, getObjectsReplyFields, func(_ string, v *value) {
		var o GotObject
		set := func(name string, v *value) {
			switch name {
			case "size":
				o.Size = v.n
			case "code":
				o.Code = Code(v.n)
			}
		}
		v.err = gotField.each(v, func(_ int, in *cursor) *Error {
			o = GotObject{Size: -1}
			_, err := walk(in, gotObjectFields, set)
			switch {
			case err != nil:
			case o.Code == OK && (o.Size < 0 || o.Size > MaxObjectsBody):
				err = Errorf(BadHeader, "an object of %d bytes, at most %d", o.Size, MaxObjectsBody)
			case o.Size < 0:
				o.Size = 0
			}
			x.Objects = append(x.Objects, o)
			return err
		})
	})
	if err == nil && x.Sum() > MaxObjectsBody {
		err = Errorf(TooLarge, "sizes sum to %d, at most %d", x.Sum(), MaxObjectsBody)
	}
	return result(x, err)
}

// Sum is the length of the body: the sizes of the objects that are in it.
func (x *GetObjectsReply) Sum() (n int64) {
	for _, o := range x.Objects {
		if o.Code == OK {
			n += o.Size
		}
	}
	return n
}

// Append appends the header as JSON to b.
func (x *GetObjectsReply) Append(b []byte) []byte {
	b = append(appendField(append(b, '{'), "objects"), '[')
	for _, o := range x.Objects {
		b = append(b, '{')
		if o.Code == OK || o.Size != 0 {
			b = appendInt(b, "size", o.Size)
		}
		b = appendOptional(b, "code", int64(o.Code))
		b = append(closeObject(b), ',')
	}
	return closeObject(append(closeArray(b), ','))
}

// getObjectsAnswers: a prefix of what was asked, whose sizes sum exactly to the body's length.
func getObjectsAnswers(request, reply Header, length uint64) *Error {
	r := reply.(*GetObjectsReply)
	if len(r.Objects) > len(request.(*GetObjects).Hashes) {
		return Errorf(BadHeader, "more objects than were asked for")
	}
	return sumsTo(r.Sum(), length)
}
