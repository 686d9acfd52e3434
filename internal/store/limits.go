package store

import "time"

// Sizes, each with its reason.
const (
	// Border parts contents that share a segment from those with a file of their own. Measured: an append to a segment
	// costs about 3 us, a file 27 us and its own sync; from 128 KiB on the bytes cost more than the file.
	Border = 128 << 10
	// MemoryBody is the greatest batch that is received into memory and written by Finish: below it plain calls win.
	MemoryBody = 64 << 10
	// ChunkSize is a chunk of a large upload: a BLAKE3 subtree, verified and synced by itself.
	ChunkSize = 8 << 20
	// MaxBatchBytes bounds a batch of contents: what it reserves at once.
	MaxBatchBytes = 8 << 20

	page         = 4 << 10   // a run in a segment starts on this border, so no later write touches a published page
	segmentSize  = 256 << 20 // small enough to be copied by a collector in a second or two, large enough to be few
	leastStep    = 1 << 20   // a segment's space is taken ahead in steps that grow with it, so that a short life wastes
	greatestStep = 16 << 20  // little and a long one is not held up
	sparesKept   = 64        // given-back runs a segment remembers; the rest is dead space
	blockSize    = 1 << 16   // numbers of a block; the schema says so too
	folderBits   = 10        // 1,024 object files to a folder

	verifyWindow = 1 << 20   // bytes of small contents read at once to be hashed
	chunkWindow  = 256 << 10 // bytes of a large one: they stay in the cache between the read and the hash
	scrubWindow  = 1 << 20   // a larger content is read in pieces
	scrubBatch   = 200       // contents after which a scrub notes how far it came
	syncsAtOnce  = 8         // files of one batch being synced: the disk writes them together, more only queue
	filesKept    = 256       // open descriptors of the read cache
	placesKept   = 1 << 16   // remembered locations, in two generations
)

// Times.
const (
	rightsKept    = time.Second      // a remembered right is good for so long even while others commit
	holdKept      = 24 * time.Hour   // an uploaded content that nobody named
	repeatKept    = 24 * time.Hour   // a stored reply
	nonceKept     = 60 * time.Second // a challenge: time to read 64 MiB from a slow disk and to hash them
	sweepEvery    = 10 * time.Minute // none of the above is more exact
	firstSweep    = time.Minute      // after becoming the keeper: not while everybody reconnects
	partialSpared = 10 * time.Minute // an upload touched since is not ended before its time
	relieveEvery  = 5 * time.Second  // how often it is seen that the disk is short of space
	relieveBatch  = 20               // uploads that are ended then before it is looked for others
	probeBatch    = 100              // contents whose probes are computed between two transactions
	sweepBatch    = 500              // rows of one sweeping transaction, so that it holds nobody up
	keeperTries   = time.Second      // how long after its death a keeper is replaced, at most
	keeperTick    = 500 * time.Millisecond
	commandWait   = 5 * time.Second // how long a command or start-up waits for schema.lock
	collectorWait = time.Minute     // how long a check or a backup waits for the collector to finish what it has begun
	lockPoll      = 20 * time.Millisecond
	walIdle       = 5 * time.Second // a log that grows slowly is moved into the database so often
	walPause      = 2 * time.Second // and one that grows fast so often: each time is two syncs
)

// The database's log.
const (
	walBusy     = 8 << 20  // from this length on it grows fast
	walGreatest = 24 << 20 // a longer one begins anew at once: while all write, moving it without holding them up never comes to its end
)
