package proto

import "math"

// Entry is a name as list, stat and changes show it.
type Entry struct {
	Node    int64
	Parent  int64 // 0: the root, which has no name
	Name    string
	Kind    Kind
	Size    int64
	Mode    uint32
	Mtime   int64
	Version int64
	Hash    Hash // files and links
	Deleted bool // changes only: node and version (the number of the delete) alone count
}

// The fields of an entry, in the order of entryFields.
const (
	entryNode = 1 << iota
	entryParent
	entryName
	entryKind
	entrySize
	entryMode
	entryMtime
	entryVersion
	entryHash
	entryDeleted
)

var entryFields = []field{
	{name: "node", want: anInteger, least: 1, most: math.MaxInt64},
	{name: "parent", want: anInteger, least: 1, most: math.MaxInt64, optional: true},
	{name: "name", want: aName, optional: true},
	{name: "kind", want: aWord, words: kindWords, optional: true},
	{name: "size", want: anInteger, most: MaxContent, optional: true},
	{name: "mode", want: anInteger, most: MaxMode, optional: true},
	{name: "mtime", want: anInteger, least: math.MinInt64, most: math.MaxInt64, optional: true},
	{name: "version", want: anInteger, least: 1, most: math.MaxInt64},
	{name: "hash", want: aHash, optional: true},
	{name: "deleted", want: aBool, optional: true},
}

// shape is what an entry may be in the reply it stands in.
type shape uint8

const (
	shapeRoot    shape = 1 << iota // the root may stand here
	shapeDeleted                   // a deleted node may stand here
)

// entryReader reads the entries of one reply: one closure for all of them.
type entryReader struct {
	entry Entry
	set   func(name string, v *value)
}

func newEntryReader() *entryReader {
	r := &entryReader{}
	r.set = r.field
	return r
}

func (r *entryReader) field(name string, v *value) {
	e := &r.entry
	switch name {
	case "node":
		e.Node = v.n
	case "parent":
		e.Parent = v.n
	case "name":
		e.Name = v.s
	case "kind":
		e.Kind = Kind(v.n + 1)
	case "size":
		e.Size = v.n
	case "mode":
		e.Mode = uint32(v.n)
	case "mtime":
		e.Mtime = v.n
	case "version":
		e.Version = v.n
	case "hash":
		e.Hash = v.hash
	case "deleted":
		e.Deleted = v.n != 0
	}
}

func (r *entryReader) read(in *cursor, may shape) (Entry, *Error) {
	r.entry = Entry{}
	seen, err := walk(in, entryFields, r.set)
	if err != nil {
		return Entry{}, err
	}
	return r.entry, r.entry.check(seen, may)
}

// check holds the fields an entry has against what it is.
func (e *Entry) check(seen uint32, may shape) *Error {
	seen &^= entryDeleted
	must := uint32(entryNode | entryVersion)
	switch {
	case e.Deleted && may&shapeDeleted == 0:
		return Errorf(BadHeader, "a deleted entry")
	case e.Deleted:
	case e.Kind == KindFolder:
		must |= entryKind | entryMode | entryMtime
	default:
		must |= entryKind | entrySize | entryMode | entryMtime | entryHash
	}
	root := e.Kind == KindFolder && !e.Deleted && seen&(entryParent|entryName) == 0
	if root && may&shapeRoot == 0 {
		return Errorf(BadHeader, "an entry without a parent")
	}
	if !root && !e.Deleted {
		must |= entryParent | entryName
	}
	if seen != must {
		return Errorf(BadHeader, "an entry with fields missing or that do not belong")
	}
	if e.Kind == KindLink && (e.Size < 1 || e.Size > MaxLink) {
		return Errorf(BadHeader, "link of %d bytes, 1 to %d", e.Size, MaxLink)
	}
	return nil
}

// Append appends the entry as JSON to b. A page is full when its entries, with a comma after each, and the reply's other
// fields would no longer fit MaxReplyHeader.
func (e *Entry) Append(b []byte) []byte {
	b = appendInt(append(b, '{'), "node", e.Node)
	if e.Deleted {
		b = appendInt(b, "version", e.Version)
		return closeObject(appendTrue(b, "deleted", true))
	}
	if e.Parent != 0 {
		b = appendInt(b, "parent", e.Parent)
		b = appendNameField(b, "name", e.Name)
	}
	b = appendText(b, "kind", e.Kind.String())
	if e.Kind != KindFolder {
		b = appendInt(b, "size", e.Size)
		b = appendHexField(b, "hash", e.Hash[:])
	}
	b = appendInt(b, "mode", int64(e.Mode))
	b = appendInt(b, "mtime", e.Mtime)
	b = appendInt(b, "version", e.Version)
	return closeObject(b)
}

// entriesFor has room for the entries before which a cursor stands: 160 bytes are about what a file takes.
func entriesFor(in *cursor) []Entry { return make([]Entry, 0, in.left()/160+1) }
