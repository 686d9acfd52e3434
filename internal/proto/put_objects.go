package proto

import "math"

// Object is one content of a put-objects.
type Object struct {
	Hash Hash
	Size int64
}

// PutObjects brings contents, one after another in the body: their sizes sum exactly to its length.
type PutObjects struct{ Objects []Object }

// PutObjectsReply names those that were not taken; the others are durable.
type PutObjectsReply struct{ Failed []EntryError }

// EntryError is the failure of one entry of a batch whose other entries succeeded.
type EntryError struct {
	Entry   int
	Code    Code
	Message string
}

var (
	objectsField     = field{name: "objects", want: anArray, least: 1, most: MaxBatch}
	putObjectsFields = []field{objectsField}
	objectFields     = []field{
		{name: "hash", want: aHash},
		{name: "size", want: anInteger, most: MaxObjectsBody},
	}
	failedField           = field{name: "failed", want: anArray, most: MaxBatch, optional: true}
	putObjectsReplyFields = []field{failedField}
	entryErrorFields      = []field{
		{name: "entry", want: anInteger, most: MaxBatch - 1},
		{name: "code", want: anInteger, least: 1, most: math.MaxUint16},
		{name: "message", want: aText, most: MaxMessage, optional: true},
	}
)

// ParsePutObjects reads the header of a put-objects. The sizes' sum fits the greatest body; whether it is this
// body's length is for Row.Body to say.
func ParsePutObjects(raw []byte) (*PutObjects, error) {
	x := &PutObjects{}
	err := parse(raw, MaxHeaderBatch, putObjectsFields, func(_ string, v *value) {
		var o Object
		set := func(name string, v *value) {
			switch name {
			case "hash":
				o.Hash = v.hash
			case "size":
				o.Size = v.n
			}
		}
		v.err = objectsField.each(v, func(_ int, in *cursor) *Error {
			_, err := walk(in, objectFields, set)
			x.Objects = append(x.Objects, o)
			return err
		})
	})
	if err == nil && x.sum() > MaxObjectsBody {
		err = Errorf(TooLarge, "sizes sum to %d, at most %d", x.sum(), MaxObjectsBody)
	}
	return result(x, err)
}

// sum cannot overflow: at most MaxBatch sizes of at most MaxObjectsBody.
func (x *PutObjects) sum() (n int64) {
	for i := range x.Objects {
		n += x.Objects[i].Size
	}
	return n
}

// Append appends the header as JSON to b.
func (x *PutObjects) Append(b []byte) []byte {
	b = append(appendField(append(b, '{'), "objects"), '[')
	for i := range x.Objects {
		o := &x.Objects[i]
		b = appendHexField(append(b, '{'), "hash", o.Hash[:])
		b = appendInt(b, "size", o.Size)
		b = append(closeObject(b), ',')
	}
	return closeObject(append(closeArray(b), ','))
}

// ParsePutObjectsReply reads the header of the reply to a put-objects. No entry is named twice.
func ParsePutObjectsReply(raw []byte) (*PutObjectsReply, error) {
	x := &PutObjectsReply{}
	return result(x, parse(raw, MaxReplyHeader, putObjectsReplyFields, func(_ string, v *value) {
		named := NewBitmap(MaxBatch)
		v.err = failedField.each(v, func(_ int, in *cursor) *Error {
			var e EntryError
			_, err := walk(in, entryErrorFields, func(name string, v *value) {
				switch name {
				case "entry":
					e.Entry = int(v.n)
				case "code":
					e.Code = Code(v.n)
				case "message":
					e.Message = v.s
				}
			})
			if err == nil && named.Get(e.Entry) {
				err = Errorf(BadHeader, "entry %d fails twice", e.Entry)
			}
			named.Set(e.Entry)
			x.Failed = append(x.Failed, e)
			return err
		})
	}))
}

// Append appends the header as JSON to b; nothing if all went well.
func (x *PutObjectsReply) Append(b []byte) []byte {
	if len(x.Failed) == 0 {
		return b
	}
	b = append(appendField(append(b, '{'), "failed"), '[')
	for i := range x.Failed {
		e := &x.Failed[i]
		b = appendInt(append(b, '{'), "entry", int64(e.Entry))
		b = appendInt(b, "code", int64(e.Code))
		b = append(closeObject(appendMessage(b, e.Message)), ',')
	}
	return closeObject(append(closeArray(b), ','))
}

// putObjectsBody: the sizes sum exactly to the body's length.
func putObjectsBody(request Header, length uint64) *Error {
	return sumsTo(request.(*PutObjects).sum(), length)
}

// putObjectsAnswers: only entries that were sent can fail.
func putObjectsAnswers(request, reply Header, length uint64) *Error {
	for _, e := range reply.(*PutObjectsReply).Failed {
		if e.Entry >= len(request.(*PutObjects).Objects) {
			return Errorf(BadHeader, "entry %d was not sent", e.Entry)
		}
	}
	return noBody(nil, length)
}
