package proto

import "math"

// UploadCancel ends an unfinished upload of this account: its bytes go, and what was charged for it is given back.
type UploadCancel struct {
	Key    Key
	Upload int64
}

// UploadCancelReply says that it has ended.
type UploadCancelReply struct{}

var uploadCancelFields = []field{
	{name: "key", want: aKey},
	{name: "upload", want: anInteger, least: 1, most: math.MaxInt64},
}

// ParseUploadCancel reads the header of an upload-cancel.
func ParseUploadCancel(raw []byte) (*UploadCancel, error) {
	x := &UploadCancel{}
	return result(x, parse(raw, MaxHeader, uploadCancelFields, func(name string, v *value) {
		switch name {
		case "key":
			x.Key = v.key
		case "upload":
			x.Upload = v.n
		}
	}))
}

// Append appends the header as JSON to b.
func (x *UploadCancel) Append(b []byte) []byte {
	b = appendHexField(append(b, '{'), "key", x.Key[:])
	return closeObject(appendInt(b, "upload", x.Upload))
}

// ParseUploadCancelReply reads the header of the reply to an upload-cancel.
func ParseUploadCancelReply(raw []byte) (*UploadCancelReply, error) {
	return result(&UploadCancelReply{}, parseNothing(raw, MaxReplyHeader))
}

// Append appends nothing: no bytes mean {}.
func (x *UploadCancelReply) Append(b []byte) []byte { return b }
