package proto

import "math"

// UploadOpen begins, or finds again, the upload of one content that is too large for put-objects.
type UploadOpen struct {
	Key    Key
	Size   int64  // -1: open, told by the seal
	Probe  *Probe // finds an unfinished upload of the same size and probe, whichever device began it; nil: always a new one
	Label  string // a name for lists of uploads; empty: none
	Sparse bool   // the file is not allocated ahead: holes, or chunks assembled from contents that are there
	Own    bool   // begins a new upload even if the probe finds one
	After  int64  // not this upload, nor one begun before it: its chunks are those of another content
	Upload int64  // only tells of this one, nothing is begun; all but Key is empty, and Size -1
}

// UploadOpenReply names the upload and the chunks that need not be sent. Its body has ValueHint bytes for each of them, in
// their order: the beginning of the chunk's value.
type UploadOpenReply struct {
	Upload  int64
	Chunk   int64  // bytes in a chunk: ChunkSize
	Found   bool   // it was begun before, by another request
	Present Bitmap // chunks that are synced and verified; empty for a new upload of open size
}

// ValueHint is how much of a present chunk's value an upload-open tells: enough to find that an upload is of another
// content before anything is sent. The seal decides.
const ValueHint = 8

var (
	uploadOpenFields = []field{
		{name: "key", want: aKey},
		{name: "size", want: anInteger, most: MaxContent, optional: true},
		{name: "head", want: aKey, optional: true},
		{name: "middle", want: aKey, optional: true},
		{name: "tail", want: aKey, optional: true},
		{name: "label", want: aName, optional: true},
		{name: "sparse", want: aBool, optional: true},
		{name: "own", want: aBool, optional: true},
		{name: "after", want: anInteger, most: math.MaxInt64, optional: true},
		{name: "upload", want: anInteger, least: 1, most: math.MaxInt64, optional: true},
	}
	uploadOpenReplyFields = []field{
		{name: "upload", want: anInteger, least: 1, most: math.MaxInt64},
		{name: "chunk", want: anInteger, least: ChunkSize, most: ChunkSize},
		{name: "found", want: aBool, optional: true},
		{name: "present", want: aBitmap, most: MaxChunks / 8, optional: true},
	}
)

// Chunks is the number of chunks of a content of this size; an empty one has none.
func Chunks(size int64) int64 { return (size + ChunkSize - 1) / ChunkSize }

// ParseUploadOpen reads the header of an upload-open.
func ParseUploadOpen(raw []byte) (*UploadOpen, error) {
	x := &UploadOpen{Size: -1}
	var p Probe
	ranges := 0
	err := parse(raw, MaxHeader, uploadOpenFields, func(name string, v *value) {
		switch name {
		case "key":
			x.Key = v.key
		case "size":
			x.Size = v.n
		case "label":
			x.Label = v.s
		case "sparse":
			x.Sparse = v.n == 1
		case "own":
			x.Own = v.n == 1
		case "after":
			x.After = v.n
		case "upload":
			x.Upload = v.n
		default:
			if p.set(name, v) {
				ranges++
			}
		}
	})
	if err == nil && ranges > 0 {
		x.Probe = &p
		if ranges < 3 || x.Size <= MaxObjectsBody {
			err = Errorf(BadHeader, "a probe has head, middle and tail of a content of more than %d bytes", MaxObjectsBody)
		}
	}
	if err == nil && x.Upload != 0 && *x != (UploadOpen{Key: x.Key, Size: -1, Upload: x.Upload}) {
		err = Errorf(BadHeader, "an upload that has begun, and what a new one is to be")
	}
	return result(x, err)
}

// Append appends the header as JSON to b.
func (x *UploadOpen) Append(b []byte) []byte {
	b = appendHexField(append(b, '{'), "key", x.Key[:])
	if x.Size >= 0 {
		b = appendInt(b, "size", x.Size)
	}
	if x.Probe != nil {
		b = x.Probe.append(b)
	}
	if x.Label != "" {
		b = appendNameField(b, "label", x.Label)
	}
	b = appendTrue(b, "sparse", x.Sparse)
	b = appendTrue(b, "own", x.Own)
	b = appendOptional(b, "after", x.After)
	b = appendOptional(b, "upload", x.Upload)
	return closeObject(b)
}

// ParseUploadOpenReply reads the header of the reply to an upload-open.
func ParseUploadOpenReply(raw []byte) (*UploadOpenReply, error) {
	x := &UploadOpenReply{}
	return result(x, parse(raw, MaxReplyHeader, uploadOpenReplyFields, func(name string, v *value) {
		switch name {
		case "upload":
			x.Upload = v.n
		case "chunk":
			x.Chunk = v.n
		case "found":
			x.Found = v.n == 1
		case "present":
			x.Present = v.bits
		}
	}))
}

// Append appends the header as JSON to b.
func (x *UploadOpenReply) Append(b []byte) []byte {
	b = appendInt(append(b, '{'), "upload", x.Upload)
	b = appendInt(b, "chunk", x.Chunk)
	b = appendTrue(b, "found", x.Found)
	if len(x.Present) > 0 {
		b = appendHexField(b, "present", x.Present)
	}
	return closeObject(b)
}

// uploadOpenAnswers: no chunk is present that the content does not have, and of each that is there is a hint. A shorter map
// means zeros.
func uploadOpenAnswers(request, reply Header, length uint64) *Error {
	q, r := request.(*UploadOpen), reply.(*UploadOpenReply)
	size, present := q.Size, r.Present
	if q.Upload != 0 && r.Upload != q.Upload {
		return Errorf(BadHeader, "another upload than was asked for")
	}
	if size >= 0 && len(present) > 0 && !present.of(Chunks(size)) {
		return Errorf(BadHeader, "not one bit for each chunk")
	}
	if length != uint64(present.Count())*ValueHint {
		return Errorf(BadHeader, "not one hint for each chunk that is there")
	}
	return nil
}
