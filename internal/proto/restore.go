package proto

import "math"

// Restore brings back what was, without a byte: what a node, or what stood at a path, was at a time; or a deleted name as
// it was when it was deleted. It comes where it stood then, or to Parent and Name.
type Restore struct {
	Key       Key
	Namespace int64 // 0: home
	Node      int64 // 0: see Path
	Path      []string
	At        int64  // ns since 1970; 0: see Trash
	Trash     int64  // instead of node, path and at: the number of a delete
	Parent    int64  // with Name; 0: the root
	Name      string // empty: where it stood
	Exact     bool   // names that came later are deleted
	Dry       bool   // only tell what would be done
}

// RestoreReply tells what was done.
type RestoreReply struct {
	Journal  int64
	Node     int64 // the top of what was restored
	Version  int64
	Made     int64 // names that came, or came again
	Replaced int64 // names that got another content, mode or time
	Deleted  int64 // names that came later
}

var (
	restoreFields = []field{
		{name: "key", want: aKey},
		{name: "namespace", want: anInteger, most: math.MaxInt64, optional: true},
		{name: "node", want: anInteger, most: math.MaxInt64, optional: true},
		pathField,
		{name: "at", want: anInteger, least: 1, most: math.MaxInt64, optional: true},
		{name: "trash", want: anInteger, least: 1, most: math.MaxInt64, optional: true},
		{name: "parent", want: anInteger, most: math.MaxInt64, optional: true},
		{name: "name", want: aName, optional: true},
		{name: "exact", want: aBool, optional: true},
		{name: "dry", want: aBool, optional: true},
	}
	restoreReplyFields = []field{
		{name: "journal", want: anInteger, most: math.MaxInt64},
		{name: "node", want: anInteger, least: 1, most: math.MaxInt64},
		{name: "version", want: anInteger, least: 1, most: math.MaxInt64},
		{name: "made", want: anInteger, most: math.MaxInt64},
		{name: "replaced", want: anInteger, most: math.MaxInt64},
		{name: "deleted", want: anInteger, most: math.MaxInt64},
	}
)

// ParseRestore reads the header of a restore.
func ParseRestore(raw []byte) (*Restore, error) {
	x := &Restore{}
	err := parse(raw, MaxHeader, restoreFields, func(name string, v *value) {
		switch name {
		case "key":
			x.Key = v.key
		case "namespace":
			x.Namespace = v.n
		case "node":
			x.Node = v.n
		case "path":
			x.Path = readPath(v)
		case "at":
			x.At = v.n
		case "trash":
			x.Trash = v.n
		case "parent":
			x.Parent = v.n
		case "name":
			x.Name = v.s
		case "exact":
			x.Exact = v.n != 0
		case "dry":
			x.Dry = v.n != 0
		}
	})
	switch {
	case err != nil:
	case (x.At == 0) == (x.Trash == 0):
		err = Errorf(BadHeader, "a restore is as of a time or of a deleted name")
	case x.Trash != 0 && (x.Node != 0 || len(x.Path) > 0 || x.Exact):
		err = Errorf(BadHeader, "a deleted name is restored by its number alone")
	case x.Parent != 0 && x.Name == "":
		err = Errorf(BadHeader, "a parent without a name")
	}
	return result(x, err)
}

// Append appends the header as JSON to b.
func (x *Restore) Append(b []byte) []byte {
	b = appendHexField(append(b, '{'), "key", x.Key[:])
	b = appendOptional(b, "namespace", x.Namespace)
	b = appendOptional(b, "node", x.Node)
	b = appendPath(b, x.Path)
	b = appendOptional(b, "at", x.At)
	b = appendOptional(b, "trash", x.Trash)
	b = appendOptional(b, "parent", x.Parent)
	b = appendOptionalName(b, "name", x.Name)
	b = appendTrue(b, "exact", x.Exact)
	return closeObject(appendTrue(b, "dry", x.Dry))
}

// ParseRestoreReply reads the header of the reply to a restore.
func ParseRestoreReply(raw []byte) (*RestoreReply, error) {
	x := &RestoreReply{}
	return result(x, parse(raw, MaxReplyHeader, restoreReplyFields, func(name string, v *value) {
		switch name {
		case "journal":
			x.Journal = v.n
		case "node":
			x.Node = v.n
		case "version":
			x.Version = v.n
		case "made":
			x.Made = v.n
		case "replaced":
			x.Replaced = v.n
		case "deleted":
			x.Deleted = v.n
		}
	}))
}

// Append appends the header as JSON to b.
func (x *RestoreReply) Append(b []byte) []byte {
	b = appendInt(append(b, '{'), "journal", x.Journal)
	b = appendInt(b, "node", x.Node)
	b = appendInt(b, "version", x.Version)
	b = appendInt(b, "made", x.Made)
	b = appendInt(b, "replaced", x.Replaced)
	return closeObject(appendInt(b, "deleted", x.Deleted))
}
