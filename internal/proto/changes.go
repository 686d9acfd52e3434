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
	changesReplyFields = pageFields(field{name: "entries", want: anArray, most: MaxBatch})
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
	r := newEntryReader()
	p, err := parsePage(raw, changesReplyFields, func(i int, in *cursor) *Error {
		if i == 0 {
			x.Entries = entriesFor(in)
		}
		e, err := r.read(in, shapeRoot|shapeDeleted)
		if err == nil && i > 0 && e.Version < x.Entries[i-1].Version {
			err = Errorf(BadHeader, "versions fall")
		}
		x.Entries = append(x.Entries, e)
		return err
	})
	x.Epoch, x.Journal, x.More = p.epoch, p.journal, p.more
	return result(x, err)
}

// Append appends the header as JSON to b.
func (x *ChangesReply) Append(b []byte) []byte {
	b = page{x.Epoch, x.Journal, x.More}.append(b)
	return closeObject(appendObjects(b, "entries", x.Entries, (*Entry).Append))
}
