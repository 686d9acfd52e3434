package proto

import "math"

// TrashEmpty gives up deleted names for good.
type TrashEmpty struct {
	Key       Key
	Namespace int64 // 0: home
	Before    int64 // those that were deleted before this time, ns since 1970
	Dry       bool  // only count them
}

// TrashEmptyReply tells how many.
type TrashEmptyReply struct {
	Names int64 // what lay below a folder is not counted
}

var (
	trashEmptyFields = []field{
		{name: "key", want: aKey},
		{name: "namespace", want: anInteger, most: math.MaxInt64, optional: true},
		{name: "before", want: anInteger, least: 1, most: math.MaxInt64},
		{name: "dry", want: aBool, optional: true},
	}
	trashEmptyReplyFields = []field{
		{name: "names", want: anInteger, most: math.MaxInt64},
	}
)

// ParseTrashEmpty reads the header of a trash-empty.
func ParseTrashEmpty(raw []byte) (*TrashEmpty, error) {
	x := &TrashEmpty{}
	return result(x, parse(raw, MaxHeader, trashEmptyFields, func(name string, v *value) {
		switch name {
		case "key":
			x.Key = v.key
		case "namespace":
			x.Namespace = v.n
		case "before":
			x.Before = v.n
		case "dry":
			x.Dry = v.n != 0
		}
	}))
}

// Append appends the header as JSON to b.
func (x *TrashEmpty) Append(b []byte) []byte {
	b = appendHexField(append(b, '{'), "key", x.Key[:])
	b = appendOptional(b, "namespace", x.Namespace)
	b = appendInt(b, "before", x.Before)
	return closeObject(appendTrue(b, "dry", x.Dry))
}

// ParseTrashEmptyReply reads the header of the reply to a trash-empty.
func ParseTrashEmptyReply(raw []byte) (*TrashEmptyReply, error) {
	x := &TrashEmptyReply{}
	return result(x, parse(raw, MaxReplyHeader, trashEmptyReplyFields, func(_ string, v *value) { x.Names = v.n }))
}

// Append appends the header as JSON to b.
func (x *TrashEmptyReply) Append(b []byte) []byte {
	return closeObject(appendInt(append(b, '{'), "names", x.Names))
}
