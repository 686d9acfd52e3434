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
	entriesField    = field{name: "entries", want: anArray, most: math.MaxInt64}
	listReplyFields = []field{
		{name: "epoch", want: anInteger, most: math.MaxInt64},
		{name: "journal", want: anInteger, most: math.MaxInt64},
		{name: "more", want: aBool, optional: true},
		entriesField,
	}
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
	err := parse(raw, MaxReplyHeader, listReplyFields, func(name string, v *value) {
		switch name {
		case "epoch":
			x.Epoch = v.n
		case "journal":
			x.Journal = v.n
		case "more":
			x.More = v.n != 0
		case "entries":
			r := newEntryReader()
			x.Entries = make([]Entry, 0, v.in.left()/160+1) // about what a file takes
			v.err = entriesField.each(v, func(_ int, in *cursor) *Error {
				e, err := r.read(in, 0)
				x.Entries = append(x.Entries, e)
				return err
			})
		}
	})
	if err == nil && x.More && len(x.Entries) == 0 {
		err = Errorf(BadHeader, "more after an empty page")
	}
	return result(x, err)
}

// Append appends the header as JSON to b.
func (x *ListReply) Append(b []byte) []byte {
	b = appendInt(append(b, '{'), "epoch", x.Epoch)
	b = appendInt(b, "journal", x.Journal)
	b = appendTrue(b, "more", x.More)
	return closeObject(appendEntries(b, x.Entries))
}
