package proto

import "math"

// Uploads lists the account's unfinished uploads, whichever device began them, in the order they were begun.
type Uploads struct {
	After int64 // the last upload of the page before; 0: from the start
}

// UploadsReply is one page of them.
type UploadsReply struct {
	Uploads []Unfinished
	More    bool // there are further ones
}

// Unfinished is one upload in the list.
type Unfinished struct {
	Upload  int64
	Size    int64 // -1: open
	Present int64 // bytes that are there
	Label   string
	Device  string // the name of the device that began it; empty: it is not known any more
	Began   int64  // ns since 1970
	Touched int64  // when a chunk last came, ns since 1970
}

// MaxUploads is the number of uploads in one page: with the longest names they fit a reply's header.
const MaxUploads = 250

var (
	uploadsFields = []field{
		{name: "after", want: anInteger, most: math.MaxInt64, optional: true},
	}
	unfinishedField    = field{name: "uploads", want: anArray, most: MaxUploads}
	uploadsReplyFields = []field{
		unfinishedField,
		{name: "more", want: aBool, optional: true},
	}
	unfinishedFields = []field{
		{name: "upload", want: anInteger, least: 1, most: math.MaxInt64},
		{name: "size", want: anInteger, most: MaxContent, optional: true},
		{name: "present", want: anInteger, most: MaxContent},
		{name: "label", want: aName, optional: true},
		{name: "device", want: aName, optional: true},
		{name: "began", want: anInteger, most: math.MaxInt64},
		{name: "touched", want: anInteger, most: math.MaxInt64},
	}
)

// ParseUploads reads the header of an uploads.
func ParseUploads(raw []byte) (*Uploads, error) {
	x := &Uploads{}
	return result(x, parse(raw, MaxHeader, uploadsFields, func(_ string, v *value) { x.After = v.n }))
}

// Append appends the header as JSON to b.
func (x *Uploads) Append(b []byte) []byte {
	return closeObject(appendOptional(append(b, '{'), "after", x.After))
}

// ParseUploadsReply reads the header of the reply to an uploads.
func ParseUploadsReply(raw []byte) (*UploadsReply, error) {
	x := &UploadsReply{}
	return result(x, parse(raw, MaxReplyHeader, uploadsReplyFields, func(name string, v *value) {
		if name == "more" {
			x.More = v.n == 1
			return
		}
		v.err = unfinishedField.each(v, func(_ int, in *cursor) *Error {
			u := Unfinished{Size: -1}
			_, err := walk(in, unfinishedFields, u.set)
			if n := len(x.Uploads); err == nil && n > 0 && u.Upload <= x.Uploads[n-1].Upload {
				err = Errorf(BadHeader, "an upload before the one that was begun before it")
			}
			x.Uploads = append(x.Uploads, u)
			return err
		})
	}))
}

func (u *Unfinished) set(name string, v *value) {
	switch name {
	case "upload":
		u.Upload = v.n
	case "size":
		u.Size = v.n
	case "present":
		u.Present = v.n
	case "label":
		u.Label = v.s
	case "device":
		u.Device = v.s
	case "began":
		u.Began = v.n
	case "touched":
		u.Touched = v.n
	}
}

// Append appends the header as JSON to b.
func (x *UploadsReply) Append(b []byte) []byte {
	b = appendObjects(append(b, '{'), "uploads", x.Uploads, (*Unfinished).append)
	return closeObject(appendTrue(b, "more", x.More))
}

func (u *Unfinished) append(b []byte) []byte {
	b = appendInt(append(b, '{'), "upload", u.Upload)
	if u.Size >= 0 {
		b = appendInt(b, "size", u.Size)
	}
	b = appendInt(b, "present", u.Present)
	if u.Label != "" {
		b = appendNameField(b, "label", u.Label)
	}
	if u.Device != "" {
		b = appendNameField(b, "device", u.Device)
	}
	b = appendInt(b, "began", u.Began)
	b = appendInt(b, "touched", u.Touched)
	return closeObject(b)
}

// uploadsAnswers: a page that goes on after the last one, and is not empty if more follow.
func uploadsAnswers(request, reply Header, length uint64) *Error {
	r := reply.(*UploadsReply)
	if len(r.Uploads) == 0 && r.More || len(r.Uploads) > 0 && r.Uploads[0].Upload <= request.(*Uploads).After {
		return Errorf(BadHeader, "a page that does not go on")
	}
	return noBody(nil, length)
}
