package proto

import "math"

// Changes asks for what a namespace's journal tells after Since.
type Changes struct {
	Namespace int64 // 0: home
	Epoch     int64 // in which Since was read
	Since     int64
	WaitMs    int64 // 0: answer at once; else wait so long for news
}

// ChangesReply is one page, by rising version.
type ChangesReply struct {
	Epoch   int64
	Journal int64 // everything up to here is told, if not More
	More    bool  // go on with Since = the last entry's version
	Entries []Entry
}

var (
	changesFields = []field{
		{name: "namespace", want: anInteger, most: math.MaxInt64, optional: true},
		{name: "epoch", want: anInteger, most: math.MaxInt64},
		{name: "since", want: anInteger, most: math.MaxInt64},
		{name: "wait_ms", want: anInteger, most: MaxWaitMs, optional: true},
	}
	pageField          = field{name: "entries", want: anArray, most: MaxBatch}
	changesReplyFields = []field{
		{name: "epoch", want: anInteger, most: math.MaxInt64},
		{name: "journal", want: anInteger, most: math.MaxInt64},
		{name: "more", want: aBool, optional: true},
		pageField,
	}
)

// ParseChanges reads the header of a changes.
func ParseChanges(raw []byte) (*Changes, error) {
	x := &Changes{}
	return result(x, parse(raw, MaxHeader, changesFields, func(name string, v *value) {
		switch name {
		case "namespace":
			x.Namespace = v.n
		case "epoch":
			x.Epoch = v.n
		case "since":
			x.Since = v.n
		case "wait_ms":
			x.WaitMs = v.n
		}
	}))
}

// Append appends the header as JSON to b.
func (x *Changes) Append(b []byte) []byte {
	b = appendOptional(append(b, '{'), "namespace", x.Namespace)
	b = appendInt(b, "epoch", x.Epoch)
	b = appendInt(b, "since", x.Since)
	b = appendOptional(b, "wait_ms", x.WaitMs)
	return closeObject(b)
}

// ParseChangesReply reads the header of the reply to a changes.
func ParseChangesReply(raw []byte) (*ChangesReply, error) {
	x := &ChangesReply{}
	err := parse(raw, MaxReplyHeader, changesReplyFields, func(name string, v *value) {
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
			v.err = pageField.each(v, func(i int, in *cursor) *Error {
				e, err := r.read(in, shapeRoot|shapeDeleted)
				if err == nil && i > 0 && e.Version < x.Entries[i-1].Version {
					err = Errorf(BadHeader, "versions fall")
				}
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
func (x *ChangesReply) Append(b []byte) []byte {
	b = appendInt(append(b, '{'), "epoch", x.Epoch)
	b = appendInt(b, "journal", x.Journal)
	b = appendTrue(b, "more", x.More)
	return closeObject(appendEntries(b, x.Entries))
}
