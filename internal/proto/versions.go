package proto

import "math"

// Versions asks for the versions of a node, or of what ever stood at a path from the root, the latest first.
type Versions struct {
	Namespace int64 // 0: home
	Node      int64 // 0: see Path
	Path      []string
	Before    int64 // the Until of the last version of the page before; 0: from the present one
}

// VersionsReply is one page.
type VersionsReply struct {
	Epoch    int64
	Journal  int64
	More     bool // go on with Before = the last version's Until
	Versions []KeptVersion
}

// KeptVersion is a content that a name has or had.
type KeptVersion struct {
	Entry         // as it is, or was when it ended
	Made   int64  // ns since 1970; as of that time it is found. 0: not known
	By     string // the device that made it; empty: not known
	Until  int64  // the journal number that ended it; 0: it is the present one
	Ended  int64  // ns since 1970
	How    Ending
	Ending string // the device that ended it; empty: not known
}

// Ending says how a version ended.
type Ending uint8

const (
	Standing      Ending = iota // it has not
	EndedReplaced               // by another content
	EndedDeleted                // with its name, or a folder above
)

var endingWords = []string{"standing", "replaced", "deleted"}

// String is the ending's word.
func (e Ending) String() string { return endingWords[min(int(e), len(endingWords)-1)] }

var (
	versionsFields = []field{
		{name: "namespace", want: anInteger, most: math.MaxInt64, optional: true},
		{name: "node", want: anInteger, most: math.MaxInt64, optional: true},
		pathField,
		{name: "before", want: anInteger, most: math.MaxInt64, optional: true},
	}
	versionsReplyFields = pageFields(field{name: "versions", want: anArray, most: MaxBatch})
	// The fields of an entry without its last one, so that their bits are an entry's, and a version's own.
	keptFields = append(entryFields[:len(entryFields)-1:len(entryFields)-1],
		field{name: "made", want: anInteger, most: math.MaxInt64, optional: true},
		field{name: "by", want: aName, optional: true},
		field{name: "until", want: anInteger, least: 1, most: math.MaxInt64, optional: true},
		field{name: "ended", want: anInteger, most: math.MaxInt64, optional: true},
		field{name: "how", want: aWord, words: endingWords},
		field{name: "ending", want: aName, optional: true},
	)
)

const keptUntil = entryDeleted << 2 // the bit of until

// ParseVersions reads the header of a versions.
func ParseVersions(raw []byte) (*Versions, error) {
	x := &Versions{}
	return result(x, parse(raw, MaxHeader, versionsFields, func(name string, v *value) {
		switch name {
		case "namespace":
			x.Namespace = v.n
		case "node":
			x.Node = v.n
		case "path":
			x.Path = readPath(v)
		case "before":
			x.Before = v.n
		}
	}))
}

// Append appends the header as JSON to b.
func (x *Versions) Append(b []byte) []byte {
	b = appendOptional(append(b, '{'), "namespace", x.Namespace)
	b = appendOptional(b, "node", x.Node)
	b = appendPath(b, x.Path)
	return closeObject(appendOptional(b, "before", x.Before))
}

// ParseVersionsReply reads the header of the reply to a versions.
func ParseVersionsReply(raw []byte) (*VersionsReply, error) {
	x := &VersionsReply{}
	p, err := parsePage(raw, versionsReplyFields, func(_ int, in *cursor) *Error {
		k, err := readKept(in)
		x.Versions = append(x.Versions, k)
		return err
	})
	x.Epoch, x.Journal, x.More = p.epoch, p.journal, p.more
	return result(x, err)
}

func readKept(in *cursor) (KeptVersion, *Error) {
	var k KeptVersion
	r := entryReader{}
	seen, err := walk(in, keptFields, func(name string, v *value) {
		switch name {
		case "made":
			k.Made = v.n
		case "by":
			k.By = v.s
		case "until":
			k.Until = v.n
		case "ended":
			k.Ended = v.n
		case "how":
			k.How = Ending(v.n)
		case "ending":
			k.Ending = v.s
		default:
			r.field(name, v)
		}
	})
	if err != nil {
		return k, err
	}
	k.Entry = r.entry
	if (k.How == Standing) != (seen&keptUntil == 0) {
		return k, Errorf(BadHeader, "a version that has ended and stands")
	}
	return k, k.check(seen&(entryDeleted-1), shapeRoot)
}

// Append appends the header as JSON to b.
func (x *VersionsReply) Append(b []byte) []byte {
	b = page{x.Epoch, x.Journal, x.More}.append(b)
	return closeObject(appendObjects(b, "versions", x.Versions, (*KeptVersion).Append))
}

// Append appends the version as JSON to b.
func (k *KeptVersion) Append(b []byte) []byte {
	b = k.Entry.Append(b)
	b[len(b)-1] = ','
	b = appendOptional(b, "made", k.Made)
	b = appendOptionalName(b, "by", k.By)
	b = appendOptional(b, "until", k.Until)
	b = appendOptional(b, "ended", k.Ended)
	b = appendText(b, "how", k.How.String())
	return closeObject(appendOptionalName(b, "ending", k.Ending))
}

func appendOptionalName(b []byte, name, raw string) []byte {
	if raw == "" {
		return b
	}
	return appendNameField(b, name, raw)
}
