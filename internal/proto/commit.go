package proto

import "math"

// Commit changes names, in one transaction.
type Commit struct {
	Key       Key
	Namespace int64 // 0: home
	All       bool  // "mode":"all": the first failure undoes everything; otherwise "each"
	Journal   int64 // what the namespace's journal number must be; 0: whatever it is
	Changes   []Change
}

// Changed is the fate of one entry: the node and its new version, or a code. With a code, Node and Version may tell
// what stands there instead.
type Changed struct {
	Node    int64
	Version int64
	Code    Code // 0: done
	Message string
}

// CommitReply has one fate for each entry, in their order.
type CommitReply struct {
	Journal int64
	Entries []Changed
}

var (
	changesField = field{name: "changes", want: anArray, least: 1, most: MaxBatch}
	modeWords    = []string{"each", "all"}
	commitFields = []field{
		{name: "key", want: aKey},
		{name: "namespace", want: anInteger, most: math.MaxInt64, optional: true},
		{name: "mode", want: aWord, words: modeWords, optional: true},
		{name: "journal", want: anInteger, least: 1, most: math.MaxInt64, optional: true},
		changesField,
	}
	fatesField        = field{name: "entries", want: anArray, least: 1, most: MaxBatch}
	commitReplyFields = []field{
		{name: "journal", want: anInteger, most: math.MaxInt64},
		fatesField,
	}
	changedFields = []field{
		{name: "node", want: anInteger, least: 1, most: math.MaxInt64, optional: true},
		{name: "version", want: anInteger, least: 1, most: math.MaxInt64, optional: true},
		{name: "code", want: anInteger, least: 1, most: math.MaxUint16, optional: true},
		{name: "message", want: aText, most: MaxMessage, optional: true},
	}
)

// ParseCommit reads the header of a commit.
func ParseCommit(raw []byte) (*Commit, error) {
	x := &Commit{}
	return result(x, parse(raw, MaxHeaderBatch, commitFields, func(name string, v *value) {
		switch name {
		case "key":
			x.Key = v.key
		case "namespace":
			x.Namespace = v.n
		case "mode":
			x.All = v.n == 1
		case "journal":
			x.Journal = v.n
		case "changes":
			r := newChangeReader()
			x.Changes = make([]Change, 0, min(MaxBatch, v.in.left()/128+1)) // about what a put takes
			v.err = changesField.each(v, func(i int, in *cursor) *Error {
				c, err := r.read(i, in)
				x.Changes = append(x.Changes, c)
				return err
			})
		}
	}))
}

// Append appends the header as JSON to b.
func (x *Commit) Append(b []byte) []byte {
	b = appendHexField(append(b, '{'), "key", x.Key[:])
	b = appendOptional(b, "namespace", x.Namespace)
	if x.All {
		b = appendText(b, "mode", "all")
	}
	b = appendOptional(b, "journal", x.Journal)
	b = append(appendField(b, "changes"), '[')
	for i := range x.Changes {
		b = append(x.Changes[i].append(b), ',')
	}
	return closeObject(append(closeArray(b), ','))
}

// ParseCommitReply reads the header of the reply to a commit.
func ParseCommitReply(raw []byte) (*CommitReply, error) {
	x := &CommitReply{}
	return result(x, parse(raw, MaxReplyHeader, commitReplyFields, func(name string, v *value) {
		switch name {
		case "journal":
			x.Journal = v.n
		case "entries":
			v.err = x.parseEntries(v)
		}
	}))
}

func (x *CommitReply) parseEntries(v *value) *Error {
	var c Changed
	set := func(name string, v *value) {
		switch name {
		case "node":
			c.Node = v.n
		case "version":
			c.Version = v.n
		case "code":
			c.Code = Code(v.n)
		case "message":
			c.Message = v.s
		}
	}
	return fatesField.each(v, func(_ int, in *cursor) *Error {
		c = Changed{}
		_, err := walk(in, changedFields, set)
		switch {
		case err != nil:
		case c.Code == OK && (c.Node == 0 || c.Version == 0):
			err = Errorf(BadHeader, "neither done nor failed")
		case c.Code == OK && c.Message != "":
			err = Errorf(BadHeader, "a message without a code")
		}
		x.Entries = append(x.Entries, c)
		return err
	})
}

// Append appends the header as JSON to b.
func (x *CommitReply) Append(b []byte) []byte {
	b = appendInt(append(b, '{'), "journal", x.Journal)
	b = append(appendField(b, "entries"), '[')
	for i := range x.Entries {
		c := &x.Entries[i]
		b = append(b, '{')
		b = appendOptional(b, "node", c.Node)
		b = appendOptional(b, "version", c.Version)
		b = appendOptional(b, "code", int64(c.Code))
		b = append(closeObject(appendMessage(b, c.Message)), ',')
	}
	return closeObject(append(closeArray(b), ','))
}

// commitAnswers: one fate for each entry.
func commitAnswers(request, reply Header, length uint64) *Error {
	if sent, told := len(request.(*Commit).Changes), len(reply.(*CommitReply).Entries); sent != told {
		return Errorf(BadHeader, "%d entries sent, %d answered", sent, told)
	}
	return noBody(nil, length)
}
