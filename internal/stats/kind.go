package stats

// Kind is how a peer broke the rules of the wire.
type Kind uint8

// The kinds of violations.
const (
	Junk    Kind = iota // a first byte that belongs to nothing
	TLS                 // a first byte of something that is not served on this port
	HTTP                //
	Proxy               //
	Prelude             // magic, version, type, a length over its limit, or a type that needs a log-in
	Header              // not the JSON its type wants
	Late                // a header that did not come in time
	kinds   = iota
)

// Kinds holds the kinds' names by Kind.
var Kinds = [kinds]string{"junk", "tls", "http", "proxy", "prelude", "header", "late"}

// Reason groups the codes a request was answered with by who has to do something about it.
type Reason uint8

// The reasons.
const (
	Internal  Reason = iota // our own fault: the log tells more
	Malformed               // the peer's program does not follow the protocol
	Login                   // no, wrong or ended log-in, or too many tries
	Denied                  // not allowed
	Missing                 // not found, or not uploaded yet
	Conflict                // another version or another thing stands there
	Corrupt                 // bytes that are not what their hash says
	Quota                   // the account is full
	Space                   // the disk is full
	Stopped                 // the store has stopped writing
	Busy                    // try again
	Slow                    // too slow, on either side
	reasons   = iota
)

// Reasons holds the reasons' names by Reason.
var Reasons = [reasons]string{
	"internal", "malformed", "login", "denied", "missing", "conflict", "corrupt", "quota", "space", "read-only", "busy", "slow",
}

// Class groups request types that cost alike.
type Class uint8

// The classes.
const (
	Session  Class = iota // hello, ping, log-in, devices, quota
	Lookup                // names and hashes are read
	Change                // names are changed, uploads begun and sealed
	Upload                // bytes come: the peer's speed is part of the time
	Download              // bytes go: likewise
	classes  = iota
)

// Classes holds the classes' names by Class.
var Classes = [classes]string{"session", "lookup", "change", "upload", "download"}
