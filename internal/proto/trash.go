package proto

import "math"

// Trash asks for the deleted names that can be restored, the latest first.
type Trash struct {
	Namespace int64 // 0: home
	Before    int64 // the Number of the last name of the page before; 0: from the latest
}

// TrashReply is one page.
type TrashReply struct {
	Epoch   int64
	Journal int64
	More    bool // go on with Before = the last name's Number
	Names   []Trashed
}

// Trashed is a deleted name.
type Trashed struct {
	Number int64 // of its delete; by it it is restored
	Node   int64
	Kind   Kind
	Size   int64  // of a folder: of what it held
	Names  int64  // of a folder: how many names it held, as far as they were counted
	Path   string // raw names from the root with slashes: where it stood
	At     int64  // when it was deleted, ns since 1970
	Device string // which deleted it; empty: not known
}

var (
	trashFields = []field{
		{name: "namespace", want: anInteger, most: math.MaxInt64, optional: true},
		{name: "before", want: anInteger, most: math.MaxInt64, optional: true},
	}
	trashReplyFields = pageFields(field{name: "names", want: anArray, most: MaxBatch})
	trashedFields    = []field{
		{name: "number", want: anInteger, least: 1, most: math.MaxInt64},
		{name: "node", want: anInteger, least: 1, most: math.MaxInt64},
		{name: "kind", want: aWord, words: kindWords},
		{name: "size", want: anInteger, most: math.MaxInt64, optional: true},
		{name: "names", want: anInteger, most: math.MaxInt64, optional: true},
		{name: "path", want: aPath, least: 1, most: MaxPathBytes},
		{name: "at", want: anInteger, most: math.MaxInt64},
		{name: "device", want: aName, optional: true},
	}
)

// ParseTrash reads the header of a trash.
func ParseTrash(raw []byte) (*Trash, error) {
	x := &Trash{}
	return result(x, parse(raw, MaxHeader, trashFields, func(name string, v *value) {
		if name == "namespace" {
			x.Namespace = v.n
		} else {
			x.Before = v.n
		}
	}))
}

// Append appends the header as JSON to b.
func (x *Trash) Append(b []byte) []byte {
	b = appendOptional(append(b, '{'), "namespace", x.Namespace)
	return closeObject(appendOptional(b, "before", x.Before))
}

// ParseTrashReply reads the header of the reply to a trash.
func ParseTrashReply(raw []byte) (*TrashReply, error) {
	x := &TrashReply{}
	p, err := parsePage(raw, trashReplyFields, func(_ int, in *cursor) *Error {
		var t Trashed
		_, err := walk(in, trashedFields, t.set)
		x.Names = append(x.Names, t)
		return err
	})
	x.Epoch, x.Journal, x.More = p.epoch, p.journal, p.more
	return result(x, err)
}

func (t *Trashed) set(name string, v *value) {
	switch name {
	case "number":
		t.Number = v.n
	case "node":
		t.Node = v.n
	case "kind":
		t.Kind = Kind(v.n + 1)
	case "size":
		t.Size = v.n
	case "names":
		t.Names = v.n
	case "path":
		t.Path = v.s
	case "at":
		t.At = v.n
	case "device":
		t.Device = v.s
	}
}

// Append appends the header as JSON to b.
func (x *TrashReply) Append(b []byte) []byte {
	b = page{x.Epoch, x.Journal, x.More}.append(b)
	return closeObject(appendObjects(b, "names", x.Names, (*Trashed).Append))
}

// Append appends the name as JSON to b.
func (t *Trashed) Append(b []byte) []byte {
	b = appendInt(append(b, '{'), "number", t.Number)
	b = appendInt(b, "node", t.Node)
	b = appendText(b, "kind", t.Kind.String())
	b = appendOptional(b, "size", t.Size)
	b = appendOptional(b, "names", t.Names)
	b = appendNameField(b, "path", t.Path)
	b = appendInt(b, "at", t.At)
	return closeObject(appendOptionalName(b, "device", t.Device))
}
