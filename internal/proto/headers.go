package proto

// The typed headers of all requests and replies. They move to one file per type (proto/<name>.go, with parse and
// append) as those are written.

// Header is a typed request or reply header.
type Header interface {
	// Append appends the header as JSON to b.
	Append(b []byte) []byte
}

// Hash is a plain BLAKE3-256, 64 lower-case hex digits on the wire.
type Hash [32]byte

// Key marks a changing request so that its repetition gets the stored reply: 128 random bits, 32 hex digits.
type Key [16]byte

// ---- hello (1): first on every connection; the reply says who one is.
type Hello struct {
	Versions []uint8 // offered, at least one
	Token    string  // device token; empty: not logged in
	Agent    string  // program and version, for the log, at most 64 bytes
}
type HelloReply struct {
	Version   uint8
	Server    string // uuid of the data folder, hex: tells one server from another
	Agent     string
	Account   string // "" when no token was given
	Device    int64
	Namespace int64 // home namespace
	Root      int64 // its root node
	Epoch     int64 // of the home namespace
	Journal   int64 // its journal number now
}

// ---- ping (2): {} -> {}
type Ping struct{}
type PingReply struct{}

// ---- login (3): a password for a device token. The connection is logged in afterwards.
type Login struct {
	User     string // account name, raw bytes (a Name)
	Password string // at most 1024 bytes
	Device   string // what to call this device
}
type LoginReply struct {
	Token  string // shown once, stored hashed
	Device int64
}

// ---- device-revoke (4): ends a token. 0: this connection's own.
type DeviceRevoke struct {
	Key    Key
	Device int64
}
type DeviceRevokeReply struct{}

// ---- quota (5)
type Quota struct{}
type QuotaReply struct {
	Used  int64 // bytes charged for names and kept versions
	Held  int64 // bytes charged for uploads not yet named, open uploads included
	Limit int64 // 0: none
}

// ---- have (10): which of these contents does this account hold?
type Have struct{ Hashes []Hash } // at most MaxBatch
type HaveReply struct{ Held Bitmap }

// ---- put-objects (11): body = the contents one after another
type Object struct {
	Hash Hash
	Size int64
}
type PutObjects struct{ Objects []Object } // sizes sum exactly to the body's length
type PutObjectsReply struct{ Failed []EntryError }

// EntryError is the failure of one entry of a batch whose other entries succeeded.
type EntryError struct {
	Entry   int
	Code    Code
	Message string
}

// ---- upload-open (12): a content above MaxObjectsBody
type UploadOpen struct {
	Key  Key
	Size int64 // -1: open, told by the seal
}
type UploadOpenReply struct {
	Upload  int64
	Chunk   int64  // bytes in a chunk: ChunkSize
	Present Bitmap // chunks that are synced and verified
}

// ---- upload-chunk (13): body = chunk Index, exactly ChunkSize bytes but for the last one
type UploadChunk struct {
	Upload int64
	Index  int64
	Value  Hash // BLAKE3 chaining value of the subtree at Index*ChunkSize
}
type UploadChunkReply struct{}

// ---- upload-seal (14): all chunks are there; make it a content
type UploadSeal struct {
	Key    Key
	Upload int64
	Size   int64
	Hash   Hash
}
type UploadSealReply struct{}

// ---- commit (20)
type Op uint8

const (
	OpPut    Op = 1 + iota // put a file's or link's content at (parent, name)
	OpMkdir                // make a folder at (parent, name)
	OpSet                  // change mode and mtime of a node; no version row is kept
	OpMove                 // move node to (parent, name), replacing a file there if expected
	OpCopy                 // copy node, with all below it, to (parent, name)
	OpDelete               // delete node
)

type Kind uint8

const (
	KindFile Kind = 1 + iota
	KindFolder
	KindLink // content is the target, never followed
)

// Place is where a name stands: a folder's node, or the folder made by an earlier entry of the same batch.
type Place struct {
	Node  int64 // 0: see Entry
	Entry int   // index of an earlier entry; used when Node is 0
}

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

// ExpectAny as Change.Expect means: whatever stands there. On the wire: the field is absent.
const ExpectAny = -1

type Commit struct {
	Key       Key
	Namespace int64 // 0: home
	All       bool  // "mode":"all": the first failure undoes everything; otherwise "each"
	Changes   []Change
}

// Changed is the fate of one entry: the node and its new version, or a code.
type Changed struct {
	Node    int64
	Version int64
	Code    Code // 0: done
	Message string
}
type CommitReply struct {
	Journal int64
	Entries []Changed
}

// ---- list (21), stat (22), changes (23)

// Entry is a name as list, stat and changes show it.
type Entry struct {
	Node    int64
	Parent  int64 // 0: the root
	Name    string
	Kind    Kind
	Size    int64
	Mode    uint32
	Mtime   int64
	Version int64
	Hash    Hash // files and links
	Deleted bool // changes only: node and version (the number of the delete) alone count
}

// List asks for the children of a folder, or with Recursive for all below it, folders before what they hold.
type List struct {
	Namespace int64
	Node      int64 // 0: the root
	Recursive bool
	After     int64 // the node the last page ended with; 0: from the start
}
type ListReply struct {
	Epoch   int64
	Journal int64 // when this page was read
	More    bool  // go on with After = the last entry's node
	Entries []Entry
}

// Stat follows a path from Node. It answers what it found of it, so a missing name is a shorter answer, no error.
type Stat struct {
	Namespace int64
	Node      int64 // 0: the root
	Path      []string
}
type StatReply struct {
	Epoch   int64
	Journal int64
	Entries []Entry // Node itself, then one for each found name of Path
}

type Changes struct {
	Namespace int64
	Epoch     int64
	Since     int64
	WaitMs    int64 // 0: answer at once; else wait so long for news
}
type ChangesReply struct {
	Epoch   int64
	Journal int64 // everything up to here is told, if not More
	More    bool  // go on with Since = the last entry's version
	Entries []Entry
}

// ---- get (24): a range of one content. The body is the range, cut at the content's end.
type Get struct {
	Hash   Hash
	Offset int64
	Length int64 // -1: to the end
}
type GetReply struct{ Size int64 } // of the whole content

// ---- get-objects (25): answers a prefix of what was asked: at most MaxBatch contents and MaxObjectsBody bytes,
// at least one if it fits. An object that is not held, or too large, is answered with a code and no bytes.
type GetObjects struct{ Hashes []Hash }
type GotObject struct {
	Size int64
	Code Code // 0: its Size bytes are in the body
}
type GetObjectsReply struct{ Objects []GotObject }

// Bitmap holds one bit an entry, bit i%8 of byte i/8; lower-case hex on the wire.
type Bitmap []byte

// Get tells bit i; bits past the end are 0.
func (m Bitmap) Get(i int) bool { return i/8 < len(m) && m[i/8]&(1<<(i%8)) != 0 }

// Set sets bit i, which must be within the map.
func (m Bitmap) Set(i int) { m[i/8] |= 1 << (i % 8) }

// NewBitmap makes a bitmap of n zero bits.
func NewBitmap(n int) Bitmap { return make(Bitmap, (n+7)/8) }
