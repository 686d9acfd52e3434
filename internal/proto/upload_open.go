package proto

import "math"

// UploadOpen begins, or finds again, the upload of one content that is too large for put-objects.
type UploadOpen struct {
	Key  Key
	Size int64 // -1: open, told by the seal
}

// UploadOpenReply names the upload and the chunks that need not be sent.
type UploadOpenReply struct {
	Upload  int64
	Chunk   int64  // bytes in a chunk: ChunkSize
	Present Bitmap // chunks that are synced and verified; empty for a new upload of open size
}

var (
	uploadOpenFields = []field{
		{name: "key", want: aKey},
		{name: "size", want: anInteger, most: MaxContent, optional: true},
	}
	uploadOpenReplyFields = []field{
		{name: "upload", want: anInteger, least: 1, most: math.MaxInt64},
		{name: "chunk", want: anInteger, least: ChunkSize, most: ChunkSize},
		{name: "present", want: aBitmap, most: MaxChunks / 8, optional: true},
	}
)

// Chunks is the number of chunks of a content of this size; an empty one has none.
func Chunks(size int64) int64 { return (size + ChunkSize - 1) / ChunkSize }

// ParseUploadOpen reads the header of an upload-open.
func ParseUploadOpen(raw []byte) (*UploadOpen, error) {
	x := &UploadOpen{Size: -1}
	return result(x, parse(raw, MaxHeader, uploadOpenFields, func(name string, v *value) {
		switch name {
		case "key":
			x.Key = v.key
		case "size":
			x.Size = v.n
		}
	}))
}

// Append appends the header as JSON to b.
func (x *UploadOpen) Append(b []byte) []byte {
	b = appendHexField(append(b, '{'), "key", x.Key[:])
	if x.Size >= 0 {
		b = appendInt(b, "size", x.Size)
	}
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
		case "present":
			x.Present = v.bits
		}
	}))
}

// Append appends the header as JSON to b.
func (x *UploadOpenReply) Append(b []byte) []byte {
	b = appendInt(append(b, '{'), "upload", x.Upload)
	b = appendInt(b, "chunk", x.Chunk)
	if len(x.Present) > 0 {
		b = appendHexField(b, "present", x.Present)
	}
	return closeObject(b)
}

// uploadOpenAnswers: no chunk is present that the content does not have. A shorter map means zeros.
func uploadOpenAnswers(request, reply Header, length uint64) *Error {
	size, present := request.(*UploadOpen).Size, reply.(*UploadOpenReply).Present
	if size >= 0 && len(present) > 0 && !present.of(Chunks(size)) {
		return Errorf(BadHeader, "not one bit for each chunk")
	}
	return noBody(nil, length)
}
