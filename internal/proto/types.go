package proto

import "time"

// Type is a request's type. Numbers are never reused.
type Type uint16

const (
	TypeHello        Type = 1
	TypePing         Type = 2
	TypeLogin        Type = 3
	TypeDeviceRevoke Type = 4
	TypeQuota        Type = 5
	TypeHave         Type = 10
	TypePutObjects   Type = 11
	TypeUploadOpen   Type = 12
	TypeUploadChunk  Type = 13
	TypeUploadSeal   Type = 14
	TypeCommit       Type = 20
	TypeList         Type = 21
	TypeStat         Type = 22
	TypeChanges      Type = 23
	TypeGet          Type = 24
	TypeGetObjects   Type = 25
)

// Limits of the wire, each with its reason.
const (
	MaxHeaderBefore = 4 << 10  // before log-in: a token, a name and a password fit
	MaxHeader       = 64 << 10 // one request about one thing; parsed on the loop
	MaxHeaderBatch  = 1 << 20  // MaxBatch entries; parsed off the loop
	MaxReplyHeader  = 1 << 20  // pages end early when it is full
	MaxBatch        = 1000     // entries in one request: amortises round trip and commit, bounds a transaction
	MaxObjectsBody  = 8 << 20  // also the greatest content of put-objects and get-objects
	ChunkSize       = 8 << 20  // a chunk of a large upload; a BLAKE3 subtree
	MaxDepth        = 8        // nesting of a header
	MaxName         = 255      // bytes of one name after decoding
	MaxPath         = 128      // names in one path
)

// Row says what may follow a prelude of this type.
type Row struct {
	Type      Type
	Name      string
	Open      bool          // allowed before log-in
	MaxHeader uint32        // greatest header
	MaxBody   uint64        // greatest body; 0: none
	Deadline  time.Duration // of the server, from prelude to the last byte of the reply header; body time is ruled by the least rate
	Waits     bool          // carries wait_ms
	Parse     func(raw []byte) (Header, error)
}
