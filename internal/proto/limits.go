package proto

// Limits of the wire, each with its reason.
const (
	MaxHeaderBefore = 4 << 10  // before log-in: a token, a name and a password fit
	MaxHeader       = 64 << 10 // one request about one thing; parsed on the loop
	MaxHeaderBatch  = 1 << 20  // MaxBatch entries; parsed off the loop
	MaxReplyHeader  = 1 << 20  // pages end early when it is full
	MaxBatch        = 1000     // entries in one request: amortises round trip and commit, bounds a transaction
	MaxObjectsBody  = 8 << 20  // also the greatest content of put-objects and get-objects
	ChunkSize       = 8 << 20  // a chunk of a large upload; a BLAKE3 subtree
	MaxContent      = 16 << 40 // what ext4 can hold in one file; the bitmap of its chunks fits a reply header twice
	MaxChunks       = MaxContent / ChunkSize
	MaxDepth        = 8         // nesting of a header
	MaxName         = 255       // bytes of one name after decoding: Linux's own limit
	MaxPath         = 128       // names in one path
	MaxPathBytes    = 16 << 10  // bytes of a path that is told in one string, as %XX: longer ones lose their first names
	MaxLink         = 4095      // bytes of a link's target: Linux's own limit
	MaxToken        = 128       // bytes of a device token: 256 bits in any spelling fit
	MaxAgent        = 64        // bytes: a program's name and version, for one line of a log
	MaxPassword     = 1024      // bytes: a pass phrase fits, and hashing stays cheap
	MaxVersions     = 16        // versions offered in one hello
	MaxMessage      = 256       // bytes of an error's text, so that MaxBatch of them fit a reply header
	MaxWaitMs       = 5 * 60000 // a waiting request: below what middleboxes forget a silent connection after
	MaxRetryMs      = 86_400_000
	MaxMode         = 0o777 // permission bits only: no setuid, setgid, sticky
)
