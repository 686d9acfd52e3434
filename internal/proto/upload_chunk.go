package proto

import "math"

// UploadChunk brings chunk Index of an upload as its body: exactly ChunkSize bytes, but for the content's last chunk.
type UploadChunk struct {
	Upload int64
	Index  int64
	Value  Hash // BLAKE3 chaining value of the subtree at Index*ChunkSize
}

// UploadChunkReply says that the chunk is synced and verified.
type UploadChunkReply struct {
	Present bool // it was there before: somebody else is filling the same upload
}

var (
	uploadChunkFields = []field{
		{name: "upload", want: anInteger, least: 1, most: math.MaxInt64},
		{name: "index", want: anInteger, most: MaxChunks - 1},
		{name: "value", want: aHash},
	}
	uploadChunkReplyFields = []field{{name: "present", want: aBool, optional: true}}
)

// ParseUploadChunk reads the header of an upload-chunk.
func ParseUploadChunk(raw []byte) (*UploadChunk, error) {
	x := &UploadChunk{}
	return result(x, parse(raw, MaxHeader, uploadChunkFields, func(name string, v *value) {
		switch name {
		case "upload":
			x.Upload = v.n
		case "index":
			x.Index = v.n
		case "value":
			x.Value = v.hash
		}
	}))
}

// Append appends the header as JSON to b.
func (x *UploadChunk) Append(b []byte) []byte {
	b = appendInt(append(b, '{'), "upload", x.Upload)
	b = appendInt(b, "index", x.Index)
	b = appendHexField(b, "value", x.Value[:])
	return closeObject(b)
}

// ParseUploadChunkReply reads the header of the reply to an upload-chunk.
func ParseUploadChunkReply(raw []byte) (*UploadChunkReply, error) {
	x := &UploadChunkReply{}
	return result(x, parse(raw, MaxReplyHeader, uploadChunkReplyFields, func(_ string, v *value) { x.Present = v.n == 1 }))
}

// Append appends the header as JSON to b; most often that is nothing, which means {}.
func (x *UploadChunkReply) Append(b []byte) []byte {
	if !x.Present {
		return b
	}
	return closeObject(appendTrue(append(b, '{'), "present", true))
}

// uploadChunkBody: a chunk has at least one byte. Which one is the last, and how long that is, the store knows.
func uploadChunkBody(_ Header, length uint64) *Error {
	if length < 1 || length > ChunkSize {
		return Errorf(BadHeader, "chunk of %d bytes, 1 to %d", length, ChunkSize)
	}
	return nil
}
