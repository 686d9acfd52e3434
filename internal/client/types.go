package client

import "sluice/internal/proto"

// The wire's own values as the rooms above see them, so that a command needs no import of proto.
type (
	Hash           = proto.Hash
	Key            = proto.Key
	Code           = proto.Code
	Kind           = proto.Kind
	Op             = proto.Op
	Place          = proto.Place
	Change         = proto.Change
	Changed        = proto.Changed
	Entry          = proto.Entry
	Object         = proto.Object
	EntryError     = proto.EntryError
	Bitmap         = proto.Bitmap
	HaveReply      = proto.HaveReply
	Challenge      = proto.Challenge
	HelloReply     = proto.HelloReply
	LoginReply     = proto.LoginReply
	QuotaReply     = proto.QuotaReply
	CommitRequest  = proto.Commit
	CommitReply    = proto.CommitReply
	ListRequest    = proto.List
	ListReply      = proto.ListReply
	StatReply      = proto.StatReply
	ChangesRequest = proto.Changes
	ChangesReply   = proto.ChangesReply
	KeptVersion    = proto.KeptVersion
	Event          = proto.Event
	Trashed        = proto.Trashed
	RestoreRequest = proto.Restore
	RestoreReply   = proto.RestoreReply
)

const (
	KindFile   = proto.KindFile
	KindFolder = proto.KindFolder
	KindLink   = proto.KindLink

	Standing = proto.Standing

	OpPut    = proto.OpPut
	OpMkdir  = proto.OpMkdir
	OpSet    = proto.OpSet
	OpMove   = proto.OpMove
	OpCopy   = proto.OpCopy
	OpDelete = proto.OpDelete

	ExpectAny = proto.ExpectAny

	MaxBatch       = proto.MaxBatch
	MaxProofs      = proto.MaxProofs
	MaxObjectsBody = proto.MaxObjectsBody
	ChunkSize      = proto.ChunkSize
	MaxPath        = proto.MaxPath
	MaxName        = proto.MaxName
)

// The codes a caller decides by; the rest of them only ever turn into an exit code and a text.
const (
	OK           = proto.OK
	NotLoggedIn  = proto.NotLoggedIn
	BadLogin     = proto.BadLogin
	Revoked      = proto.Revoked
	NotFound     = proto.NotFound
	Forbidden    = proto.Forbidden
	Conflict     = proto.Conflict
	KeyReused    = proto.KeyReused
	Exists       = proto.Exists
	NotFolder    = proto.NotFolder
	IsFolder     = proto.IsFolder
	NotEmpty     = proto.NotEmpty
	HashMismatch = proto.HashMismatch
	OverQuota    = proto.OverQuota
	NoSpace      = proto.NoSpace
	EpochChanged = proto.EpochChanged
	NotUploaded  = proto.NotUploaded
	BadName      = proto.BadName
	Cycle        = proto.Cycle
	TooLarge     = proto.TooLarge
	NotKept      = proto.NotKept
)

// EscapeName is a name's one spelling in JSON and in --json output: %XX for what is not UTF-8, and for '%'.
func EscapeName(raw string) string { return proto.EscapeName(raw) }

// Terminal is a name with its control characters made visible.
func Terminal(raw string) string { return proto.Terminal(raw) }

// CheckName says whether raw can be a name.
func CheckName(raw string) error { return proto.CheckName(raw) }
