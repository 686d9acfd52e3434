package proto

import (
	"math"
	"math/bits"
)

// Op is what one change of a commit does.
type Op uint8

const (
	OpPut    Op = 1 + iota // put a file's or link's content at (parent, name)
	OpMkdir                // make a folder at (parent, name)
	OpSet                  // change mode and mtime of a node; no version row is kept
	OpMove                 // move node to (parent, name), replacing a file there if expected
	OpCopy                 // copy node, with all below it, to (parent, name)
	OpDelete               // delete node
)

// Kind is what a name stands for.
type Kind uint8

const (
	KindFile Kind = 1 + iota
	KindFolder
	KindLink // content is the target, never followed
)

// opWords and kindWords are the spellings, in the order of the constants from 1 on.
var (
	opWords   = []string{"put", "mkdir", "set", "move", "copy", "delete"}
	kindWords = []string{"file", "folder", "link"}
)

// String is the op's word on the wire.
func (o Op) String() string { return spelling(opWords, int(o)) }

// String is the kind's word on the wire.
func (k Kind) String() string { return spelling(kindWords, int(k)) }

func spelling(words []string, n int) string {
	if n < 1 || n > len(words) {
		return "unknown"
	}
	return words[n-1]
}

// Place is where a name stands: a folder's node, or the folder made by an earlier entry of the same batch.
type Place struct {
	Node  int64 // 0: see Entry
	Entry int   // index of an earlier entry; used when Node is 0
}

// ExpectAny as Change.Expect means: whatever stands there. On the wire: the field is absent.
const ExpectAny = -1

// Change is one entry of a commit. Expect is the version that must stand there: of the name at (parent,
// name) for put, mkdir (0: nothing may stand there) and for the target of move and copy; of the node itself for
// set and delete and, as ExpectNode, for move. ExpectAny takes whatever is there.
type Change struct {
	Op         Op
	Parent     Place  // put, mkdir, move, copy
	Name       string // raw bytes
	Node       int64  // set, move, copy, delete
	Kind       Kind   // put: file or link
	Hash       Hash   // put
	Size       int64  // put
	Mode       uint32 // put, mkdir, set: permission bits 0777
	Mtime      int64  // put, mkdir, set: ns since 1970
	Expect     int64  // version, 0: nothing there, ExpectAny
	ExpectNode int64  // move: the moved node's version, or ExpectAny
	Recursive  bool   // delete: a folder that holds something too
}

// The fields of a change, in the order of changeFields.
const (
	hasOp = 1 << iota
	hasParent
	hasParentEntry
	hasName
	hasNode
	hasKind
	hasHash
	hasSize
	hasMode
	hasMtime
	hasExpect
	hasExpectNode
	hasRecursive
)

// changeFields are all optional here: which of them an op needs and may have is in opFields.
var changeFields = []field{
	{name: "op", want: aWord, words: opWords},
	{name: "parent", want: anInteger, least: 1, most: math.MaxInt64, optional: true},
	{name: "parent_entry", want: anInteger, most: MaxBatch - 1, optional: true},
	{name: "name", want: aName, optional: true},
	{name: "node", want: anInteger, least: 1, most: math.MaxInt64, optional: true},
	{name: "kind", want: aWord, words: kindWords, optional: true},
	{name: "hash", want: aHash, optional: true},
	{name: "size", want: anInteger, most: MaxContent, optional: true},
	{name: "mode", want: anInteger, most: MaxMode, optional: true},
	{name: "mtime", want: anInteger, least: math.MinInt64, most: math.MaxInt64, optional: true},
	{name: "expect", want: anInteger, most: math.MaxInt64, optional: true},
	{name: "expect_node", want: anInteger, most: math.MaxInt64, optional: true},
	{name: "recursive", want: aBool, optional: true},
}

// opFields says for each op what it must and may have. hasParent stands for either spelling of the place.
var opFields = [...]struct{ must, may uint32 }{
	OpPut:    {hasParent | hasName | hasKind | hasHash | hasSize | hasMode | hasMtime, hasExpect},
	OpMkdir:  {hasParent | hasName | hasMode | hasMtime, hasExpect},
	OpSet:    {hasNode | hasMode | hasMtime, hasExpect},
	OpMove:   {hasNode | hasParent | hasName, hasExpect | hasExpectNode},
	OpCopy:   {hasNode | hasParent | hasName, hasExpect},
	OpDelete: {hasNode, hasExpect | hasRecursive},
}

// changeReader reads the changes of one commit: one closure for all of them.
type changeReader struct {
	change Change
	set    func(name string, v *value)
}

func newChangeReader() *changeReader {
	r := &changeReader{}
	r.set = r.field
	return r
}

func (r *changeReader) field(name string, v *value) {
	c := &r.change
	switch name {
	case "op":
		c.Op = Op(v.n + 1)
	case "parent":
		c.Parent.Node = v.n
	case "parent_entry":
		c.Parent.Entry = int(v.n)
	case "name":
		c.Name = v.s
	case "node":
		c.Node = v.n
	case "kind":
		c.Kind = Kind(v.n + 1)
	case "hash":
		c.Hash = v.hash
	case "size":
		c.Size = v.n
	case "mode":
		c.Mode = uint32(v.n)
	case "mtime":
		c.Mtime = v.n
	case "expect":
		c.Expect = v.n
	case "expect_node":
		c.ExpectNode = v.n
	case "recursive":
		c.Recursive = v.n != 0
	}
}

// read reads entry i.
func (r *changeReader) read(i int, in *cursor) (Change, *Error) {
	r.change = Change{Expect: ExpectAny, ExpectNode: ExpectAny}
	seen, err := walk(in, changeFields, r.set)
	if err != nil {
		return Change{}, err
	}
	return r.change, r.change.check(i, seen)
}

// check holds the fields of entry i against its op.
func (c *Change) check(i int, seen uint32) *Error {
	place := seen & (hasParent | hasParentEntry)
	if place == hasParent|hasParentEntry {
		return Errorf(BadHeader, "both parent and parent_entry")
	}
	if place == hasParentEntry {
		seen = seen&^hasParentEntry | hasParent
		if c.Parent.Entry >= i {
			return Errorf(BadHeader, "parent_entry %d is not an earlier entry", c.Parent.Entry)
		}
	}
	fields := &opFields[c.Op]
	if lacks := fields.must &^ seen; lacks != 0 {
		return Errorf(BadHeader, "%s: field %s is missing", c.Op, first(lacks))
	}
	if foreign := seen &^ (fields.must | fields.may | hasOp); foreign != 0 {
		return Errorf(BadHeader, "%s: field %s does not belong", c.Op, first(foreign))
	}
	switch {
	case c.Op != OpPut:
	case c.Kind == KindFolder:
		return Errorf(BadHeader, "put: a folder is made by mkdir")
	case c.Kind == KindLink && (c.Size < 1 || c.Size > MaxLink):
		return Errorf(BadHeader, "put: link of %d bytes, 1 to %d", c.Size, MaxLink)
	}
	return nil
}

// first names the first field of a set.
func first(set uint32) string { return changeFields[bits.TrailingZeros32(set)].name }

func (c *Change) append(b []byte) []byte {
	b = appendText(append(b, '{'), "op", c.Op.String())
	has := opFields[c.Op].must
	b = c.appendPlace(b, has)
	b = c.appendContent(b, has)
	if c.Expect != ExpectAny {
		b = appendInt(b, "expect", c.Expect)
	}
	if c.Op == OpMove && c.ExpectNode != ExpectAny {
		b = appendInt(b, "expect_node", c.ExpectNode)
	}
	b = appendTrue(b, "recursive", c.Op == OpDelete && c.Recursive)
	return closeObject(b)
}

func (c *Change) appendPlace(b []byte, has uint32) []byte {
	if has&hasNode != 0 {
		b = appendInt(b, "node", c.Node)
	}
	if has&hasParent == 0 {
		return b
	}
	if c.Parent.Node != 0 {
		b = appendInt(b, "parent", c.Parent.Node)
	} else {
		b = appendInt(b, "parent_entry", int64(c.Parent.Entry))
	}
	return appendNameField(b, "name", c.Name)
}

func (c *Change) appendContent(b []byte, has uint32) []byte {
	if has&hasHash != 0 {
		b = appendText(b, "kind", c.Kind.String())
		b = appendHexField(b, "hash", c.Hash[:])
		b = appendInt(b, "size", c.Size)
	}
	if has&hasMode != 0 {
		b = appendInt(b, "mode", int64(c.Mode))
		b = appendInt(b, "mtime", c.Mtime)
	}
	return b
}
