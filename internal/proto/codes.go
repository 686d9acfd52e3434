package proto

import "strconv"

// Code says what went wrong for a peer. Numbers are never reused.
type Code uint16

const (
	OK           Code = 0
	Internal     Code = 1  // our fault; the cause is in the server's log
	BadPrelude   Code = 2  // magic, version, flags
	UnknownType  Code = 3  // no such request type
	TooLarge     Code = 4  // header or body over the type's limit
	BadHeader    Code = 5  // not UTF-8, not JSON, or a field is missing, wrong, doubled or unknown
	BadName      Code = 6  // a name that cannot be kept
	NotLoggedIn  Code = 7  // the type needs a log-in
	BadLogin     Code = 8  // wrong name or password
	Revoked      Code = 9  // the device token was ended
	NotFound     Code = 10 // also: not allowed to know
	Forbidden    Code = 11 // known, but not allowed
	Conflict     Code = 12 // the version expected is not the one that stands there
	Exists       Code = 13 // a name stands where none was expected
	NotFolder    Code = 14 // a folder is needed and something else stands there
	IsFolder     Code = 15 // a folder stands where none may
	NotEmpty     Code = 16 // delete of a folder that holds something, without recursive
	HashMismatch Code = 17 // the bytes are not what their hash or value says
	OverQuota    Code = 18 // the account's limit would be passed
	NoSpace      Code = 19 // the server's disk is full
	Busy         Code = 20 // claimed by another request, or too much at once: try again
	Timeout      Code = 21 // deadline passed
	KeyReused    Code = 22 // the same key with another request
	EpochChanged Code = 23 // the server was restored from a backup, or remembers no deletes that old: list again
	Draining     Code = 24 // the server is stopping: try again on a new connection
	Differs      Code = 25 // a chunk is present with another value
	NotUploaded  Code = 26 // a commit names a content this account has not uploaded, or a seal lacks chunks
	Cycle        Code = 27 // a folder moved below itself
	TooManyTries Code = 28 // log-ins are delayed: try again later
	BadVersion   Code = 29 // no offered version is served
	TooSlow      Code = 30 // below the least rate
	ReadOnly     Code = 31 // the store has stopped writing after an I/O error
	EntryAborted Code = 32 // mode all: undone because another entry failed
	Unsupported  Code = 33 // not in this version of the server
	Damaged      Code = 34 // the bytes kept of a content are not what its hash says: nothing of it is served
	NotKept      Code = 35 // versions that old are not kept any more
)

// codes holds each code's name and whether the same request may succeed later.
var codes = [...]struct {
	name      string
	temporary bool
}{
	OK:           {"ok", false},
	Internal:     {"internal", false},
	BadPrelude:   {"bad-prelude", false},
	UnknownType:  {"unknown-type", false},
	TooLarge:     {"too-large", false},
	BadHeader:    {"bad-header", false},
	BadName:      {"bad-name", false},
	NotLoggedIn:  {"not-logged-in", false},
	BadLogin:     {"bad-login", false},
	Revoked:      {"revoked", false},
	NotFound:     {"not-found", false},
	Forbidden:    {"forbidden", false},
	Conflict:     {"conflict", false},
	Exists:       {"exists", false},
	NotFolder:    {"not-folder", false},
	IsFolder:     {"is-folder", false},
	NotEmpty:     {"not-empty", false},
	HashMismatch: {"hash-mismatch", false},
	OverQuota:    {"over-quota", false},
	NoSpace:      {"no-space", false},
	Busy:         {"busy", true},
	Timeout:      {"timeout", true},
	KeyReused:    {"key-reused", false},
	EpochChanged: {"epoch-changed", false},
	Draining:     {"draining", true},
	Differs:      {"differs", false},
	NotUploaded:  {"not-uploaded", false},
	Cycle:        {"cycle", false},
	TooManyTries: {"too-many-tries", true},
	BadVersion:   {"bad-version", false},
	TooSlow:      {"too-slow", true},
	ReadOnly:     {"read-only", false},
	EntryAborted: {"entry-aborted", false},
	Unsupported:  {"unsupported", false},
	Damaged:      {"damaged", false},
	NotKept:      {"not-kept", false},
}

// String is the code's name, for logs and messages.
func (c Code) String() string {
	if int(c) < len(codes) {
		return codes[c].name
	}
	return "code-" + strconv.Itoa(int(c))
}

// Temporary says whether the same request may succeed when it is sent again later.
func (c Code) Temporary() bool { return int(c) < len(codes) && codes[c].temporary }
