package proto

import "math"

// Log asks what happened below a node, the latest first.
type Log struct {
	Namespace int64 // 0: home
	Node      int64 // 0: the root
	Before    int64 // the page before's Next; 0: from the latest
	Since     int64 // not what happened before this time, ns since 1970
}

// LogReply is one page.
type LogReply struct {
	Epoch   int64
	Journal int64
	Next    int64 // go on with Before = this, also after an empty page; 0: that was all
	Events  []Event
}

// Event is something that happened to a name.
type Event struct {
	Number int64 // the journal's
	What   Happening
	Node   int64
	Kind   Kind
	Size   int64
	Path   string // raw names from the root with slashes; of what was deleted where it was
	From   string // of what was moved: where it was
	At     int64  // ns since 1970
	Device string // empty: not known
}

// Happening says what happened.
type Happening uint8

const (
	EventPut      Happening = 1 + iota // a name came
	EventReplaced                      // it got another content
	EventMoved                         // it got another place
	EventDeleted                       //
	EventRestored                      // it came again
)

var happeningWords = []string{"put", "replaced", "moved", "deleted", "restored"}

// String is the happening's word.
func (h Happening) String() string {
	return happeningWords[min(int(max(h, EventPut))-1, len(happeningWords)-1)]
}

var (
	logFields = []field{
		{name: "namespace", want: anInteger, most: math.MaxInt64, optional: true},
		{name: "node", want: anInteger, most: math.MaxInt64, optional: true},
		{name: "before", want: anInteger, most: math.MaxInt64, optional: true},
		{name: "since", want: anInteger, most: math.MaxInt64, optional: true},
	}
	eventsField    = field{name: "events", want: anArray, most: MaxBatch}
	logReplyFields = []field{
		{name: "epoch", want: anInteger, most: math.MaxInt64},
		{name: "journal", want: anInteger, most: math.MaxInt64},
		{name: "next", want: anInteger, most: math.MaxInt64, optional: true},
		eventsField,
	}
	eventFields = []field{
		{name: "number", want: anInteger, least: 1, most: math.MaxInt64},
		{name: "what", want: aWord, words: happeningWords},
		{name: "node", want: anInteger, least: 1, most: math.MaxInt64},
		{name: "kind", want: aWord, words: kindWords},
		{name: "size", want: anInteger, most: MaxContent, optional: true},
		{name: "path", want: aPath, least: 1, most: MaxPathBytes},
		{name: "from", want: aPath, least: 1, most: MaxPathBytes, optional: true},
		{name: "at", want: anInteger, most: math.MaxInt64},
		{name: "device", want: aName, optional: true},
	}
)

// ParseLog reads the header of a log.
func ParseLog(raw []byte) (*Log, error) {
	x := &Log{}
	return result(x, parse(raw, MaxHeader, logFields, func(name string, v *value) {
		switch name {
		case "namespace":
			x.Namespace = v.n
		case "node":
			x.Node = v.n
		case "before":
			x.Before = v.n
		case "since":
			x.Since = v.n
		}
	}))
}

// Append appends the header as JSON to b.
func (x *Log) Append(b []byte) []byte {
	b = appendOptional(append(b, '{'), "namespace", x.Namespace)
	b = appendOptional(b, "node", x.Node)
	b = appendOptional(b, "before", x.Before)
	return closeObject(appendOptional(b, "since", x.Since))
}

// ParseLogReply reads the header of the reply to a log.
func ParseLogReply(raw []byte) (*LogReply, error) {
	x := &LogReply{}
	return result(x, parse(raw, MaxReplyHeader, logReplyFields, func(name string, v *value) {
		switch name {
		case "epoch":
			x.Epoch = v.n
		case "journal":
			x.Journal = v.n
		case "next":
			x.Next = v.n
		case "events":
			v.err = eventsField.each(v, func(_ int, in *cursor) *Error {
				var e Event
				_, err := walk(in, eventFields, e.set)
				if err == nil && (e.From != "") != (e.What == EventMoved) {
					err = Errorf(BadHeader, "where from of what was not moved")
				}
				x.Events = append(x.Events, e)
				return err
			})
		}
	}))
}

func (e *Event) set(name string, v *value) {
	switch name {
	case "number":
		e.Number = v.n
	case "what":
		e.What = Happening(v.n + 1)
	case "node":
		e.Node = v.n
	case "kind":
		e.Kind = Kind(v.n + 1)
	case "size":
		e.Size = v.n
	case "path":
		e.Path = v.s
	case "from":
		e.From = v.s
	case "at":
		e.At = v.n
	case "device":
		e.Device = v.s
	}
}

// Append appends the header as JSON to b.
func (x *LogReply) Append(b []byte) []byte {
	b = appendInt(append(b, '{'), "epoch", x.Epoch)
	b = appendInt(b, "journal", x.Journal)
	b = appendOptional(b, "next", x.Next)
	return closeObject(appendObjects(b, "events", x.Events, (*Event).Append))
}

// Append appends the event as JSON to b.
func (e *Event) Append(b []byte) []byte {
	b = appendInt(append(b, '{'), "number", e.Number)
	b = appendText(b, "what", e.What.String())
	b = appendInt(b, "node", e.Node)
	b = appendText(b, "kind", e.Kind.String())
	b = appendOptional(b, "size", e.Size)
	b = appendNameField(b, "path", e.Path)
	b = appendOptionalName(b, "from", e.From)
	b = appendInt(b, "at", e.At)
	return closeObject(appendOptionalName(b, "device", e.Device))
}
