package proto

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
	NotFolder    Code = 14
	IsFolder     Code = 15
	NotEmpty     Code = 16 // delete of a folder that holds something, without recursive
	HashMismatch Code = 17 // the bytes are not what their hash or value says
	OverQuota    Code = 18
	NoSpace      Code = 19 // the server's disk is full
	Busy         Code = 20 // claimed by another request, or too much at once: try again
	Timeout      Code = 21 // deadline passed
	KeyReused    Code = 22 // the same key with another request
	EpochChanged Code = 23 // the server was restored from a backup
	Draining     Code = 24 // the server is stopping: try again on a new connection
	Differs      Code = 25 // a chunk is present with another value
	NotUploaded  Code = 26 // a commit names a content this account has not uploaded, or a seal lacks chunks
	Cycle        Code = 27 // a folder moved below itself
	TooManyTries Code = 28 // log-ins are delayed: try again later
	BadVersion   Code = 29 // no offered version is served
	TooSlow      Code = 30 // below the least rate
	ReadOnly     Code = 31 // the store has stopped writing after an I/O error
	EntryAborted Code = 32 // mode all: undone because another entry failed
	Unsupported  Code = 33
)
