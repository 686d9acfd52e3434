package proto

import "math"

// Stat follows a path from Node. It answers what it found of it, so a missing name is a shorter answer, no error.
type Stat struct {
	Namespace int64 // 0: home
	Node      int64 // 0: the root
	Path      []string
	At        int64 // as it was at this time, ns since 1970; 0: as it is
}

// StatReply tells Node itself, then one entry for each found name of Path.
type StatReply struct {
	Epoch   int64
	Journal int64
	Entries []Entry
}

var (
	pathField  = field{name: "path", want: anArray, most: MaxPath, optional: true}
	statFields = []field{
		{name: "namespace", want: anInteger, most: math.MaxInt64, optional: true},
		{name: "node", want: anInteger, most: math.MaxInt64, optional: true},
		pathField,
		{name: "at", want: anInteger, most: math.MaxInt64, optional: true},
	}
	foundField      = field{name: "entries", want: anArray, least: 1, most: MaxPath + 1}
	statReplyFields = []field{
		{name: "epoch", want: anInteger, most: math.MaxInt64},
		{name: "journal", want: anInteger, most: math.MaxInt64},
		foundField,
	}
)

// ParseStat reads the header of a stat.
func ParseStat(raw []byte) (*Stat, error) {
	x := &Stat{}
	return result(x, parse(raw, MaxHeader, statFields, func(name string, v *value) {
		switch name {
		case "namespace":
			x.Namespace = v.n
		case "node":
			x.Node = v.n
		case "at":
			x.At = v.n
		case "path":
			x.Path = readPath(v)
		}
	}))
}

// Append appends the header as JSON to b.
func (x *Stat) Append(b []byte) []byte {
	b = appendOptional(append(b, '{'), "namespace", x.Namespace)
	b = appendOptional(b, "node", x.Node)
	b = appendPath(b, x.Path)
	return closeObject(appendOptional(b, "at", x.At))
}

// readPath reads an array of names.
func readPath(v *value) (path []string) {
	v.err = pathField.each(v, func(_ int, in *cursor) *Error {
		s, ok := in.str()
		if !ok {
			return Errorf(BadHeader, "field path: wrong value")
		}
		raw, err := parseName(s)
		path = append(path, raw)
		return err
	})
	return path
}

// appendPath writes it; an empty one is left out.
func appendPath(b []byte, path []string) []byte {
	if len(path) == 0 {
		return b
	}
	b = append(appendField(b, "path"), '[')
	for _, name := range path {
		b = append(AppendName(b, name), ',')
	}
	return append(closeArray(b), ',')
}

// ParseStatReply reads the header of the reply to a stat. Each entry stands in the one before it.
func ParseStatReply(raw []byte) (*StatReply, error) {
	x := &StatReply{}
	return result(x, parse(raw, MaxReplyHeader, statReplyFields, func(name string, v *value) {
		switch name {
		case "epoch":
			x.Epoch = v.n
		case "journal":
			x.Journal = v.n
		case "entries":
			r := newEntryReader()
			v.err = foundField.each(v, func(i int, in *cursor) *Error {
				may := shape(0)
				if i == 0 {
					may = shapeRoot
				}
				e, err := r.read(in, may)
				if err == nil && i > 0 && e.Parent != x.Entries[i-1].Node {
					err = Errorf(BadHeader, "an entry that does not stand in the one before it")
				}
				x.Entries = append(x.Entries, e)
				return err
			})
		}
	}))
}

// Append appends the header as JSON to b.
func (x *StatReply) Append(b []byte) []byte {
	b = appendInt(append(b, '{'), "epoch", x.Epoch)
	b = appendInt(b, "journal", x.Journal)
	return closeObject(appendObjects(b, "entries", x.Entries, (*Entry).Append))
}

// statAnswers: the node asked for, then the names asked for, or the first of them.
func statAnswers(request, reply Header, length uint64) *Error {
	q, found := request.(*Stat), reply.(*StatReply).Entries
	if len(found) > len(q.Path)+1 || q.Node != 0 && found[0].Node != q.Node {
		return Errorf(BadHeader, "entries that were not asked for")
	}
	for i, e := range found[1:] {
		if e.Name != q.Path[i] {
			return Errorf(BadHeader, "entry %d is not the name asked for", i+1)
		}
	}
	return noBody(nil, length)
}
