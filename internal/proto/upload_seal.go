package proto

import "math"

// UploadSeal says that all chunks are there: make them a content of this size and hash.
type UploadSeal struct {
	Key    Key
	Upload int64
	Size   int64
	Hash   Hash
}

// UploadSealReply says that the content is durable and can be named.
type UploadSealReply struct{}

var uploadSealFields = []field{
	{name: "key", want: aKey},
	{name: "upload", want: anInteger, least: 1, most: math.MaxInt64},
	{name: "size", want: anInteger, most: MaxContent},
	{name: "hash", want: aHash},
}

// ParseUploadSeal reads the header of an upload-seal.
func ParseUploadSeal(raw []byte) (*UploadSeal, error) {
	x := &UploadSeal{}
	return result(x, parse(raw, MaxHeader, uploadSealFields, func(name string, v *value) {
		switch name {
		case "key":
			x.Key = v.key
		case "upload":
			x.Upload = v.n
		case "size":
			x.Size = v.n
		case "hash":
			x.Hash = v.hash
		}
	}))
}

// Append appends the header as JSON to b.
func (x *UploadSeal) Append(b []byte) []byte {
	b = appendHexField(append(b, '{'), "key", x.Key[:])
	b = appendInt(b, "upload", x.Upload)
	b = appendInt(b, "size", x.Size)
	b = appendHexField(b, "hash", x.Hash[:])
	return closeObject(b)
}

// ParseUploadSealReply reads the header of the reply to an upload-seal.
func ParseUploadSealReply(raw []byte) (*UploadSealReply, error) {
	return result(&UploadSealReply{}, parseNothing(raw, MaxReplyHeader))
}

// Append appends nothing: no bytes mean {}.
func (x *UploadSealReply) Append(b []byte) []byte { return b }
