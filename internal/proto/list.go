package proto

import "math"

// List asks for the children of a folder, or with Recursive for all below it, folders before what they hold.
type List struct {
	Namespace int64 // 0: home
	Node      int64 // 0: the root
	Recursive bool
	After     int64 // the node the last page ended with; 0: from the start
	At        int64 // as it was at this time, ns since 1970; 0: as it is
}

// ListReply is one page.
type ListReply struct {
	Epoch   int64
	Journal int64 // when this page was read; with At: the number that was reached then
	More    bool  // go on with After = the last entry's node
	Entries []Entry
}

var (
	listFields = []field{
		{name: "namespace", want: anInteger, most: math.MaxInt64, optional: true},
		{name: "node", want: anInteger, most: math.MaxInt64, optional: true},
		{name: "recursive", want: aBool, optional: true},
		{name: "after", want: anInteger, most: math.MaxInt64, optional: true},
		{name: "at", want: anInteger, most: math.MaxInt64, optional: true},
	}
	// How many entries a page of list may have is ruled by MaxReplyHeader alone.
	listReplyFields = pageFields(field{name: "entries", want: anArray, most: math.MaxInt64})
)

// ParseList reads the header of a list.
func ParseList(raw []byte) (*List, error) {
	x := &List{}
	return result(x, parse(raw, MaxHeader, listFields, func(name string, v *value) {
		switch name {
		case "namespace":
			x.Namespace = v.n
		case "node":
			x.Node = v.n
		case "recursive":
			x.Recursive = v.n != 0
		case "after":
			x.After = v.n
		case "at":
			x.At = v.n
		}
	}))
}

// Append appends the header as JSON to b.
func (x *List) Append(b []byte) []byte {
	b = appendOptional(append(b, '{'), "namespace", x.Namespace)
	b = appendOptional(b, "node", x.Node)
	b = appendTrue(b, "recursive", x.Recursive)
	b = appendOptional(b, "after", x.After)
	b = appendOptional(b, "at", x.At)
	return closeObject(b)
}

// ParseListReply reads the header of the reply to a list.
func ParseListReply(raw []byte) (*ListReply, error) {
	x := &ListReply{}
	r := newEntryReader()
	p, err := parsePage(raw, listReplyFields, func(i int, in *cursor) *Error {
		if i == 0 {
			x.Entries = entriesFor(in)
		}
		e, err := r.read(in, 0)
		x.Entries = append(x.Entries, e)
		return err
	})
	x.Epoch, x.Journal, x.More = p.epoch, p.journal, p.more
	return result(x, err)
}

// Append appends the header as JSON to b.
func (x *ListReply) Append(b []byte) []byte {
	b = page{x.Epoch, x.Journal, x.More}.append(b)
	return closeObject(appendObjects(b, "entries", x.Entries, (*Entry).Append))
}
