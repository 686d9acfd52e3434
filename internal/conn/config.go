package conn

import (
	"time"

	"github.com/sirupsen/logrus"

	"sluice/internal/handler"
	"sluice/internal/poll"
	"sluice/internal/proto"
	"sluice/internal/splice"
	"sluice/internal/stats"
)

// Config is what the connections of one loop share.
type Config struct {
	Loop    *poll.Loop
	Service *handler.Service              // handed to the rows' functions
	Row     func(proto.Type) *handler.Row // nil: Service.Row
	Jobs    func(func())                  // runs a function off the loop
	Pipes   *splice.Pool
	Changes func() uint64 // the change counter
	Log     *logrus.Logger
	Slot    *stats.Slot
	Worker  int                     // for the log
	Known   func(connection uint64) // on the loop: it has logged in
	Gone    func(connection uint64) // on the loop: it is closed and holds nothing any more
	Limits  Limits
}

// Limits bound what a peer may cost. Zero fields take the defaults.
type Limits struct {
	Idle       time.Duration // between two requests of a connection that has logged in
	IdleBefore time.Duration // of one that has not
	Header     time.Duration // from a prelude's first byte to its header's last
	Linger     time.Duration // reading what comes after our last word
	RateWindow time.Duration // over which the least rate is averaged
	LeastRate  int64         // bytes a second of a body or reply, both ways
	Notice     time.Duration // how often the change counter is looked at while something is parked
	SlowFlush  time.Duration // a flush into a file longer than this moves its body to the jobs
}

// Defaults of Limits, each with its reason.
const (
	defaultIdle       = 10 * time.Minute       // clients ping; a NAT forgets within minutes anyway
	defaultIdleBefore = time.Minute            // least trust: log-in comes first
	defaultHeader     = 10 * time.Second       // a header is a few packets, at most 1 MiB
	defaultLinger     = 2 * time.Second        // some round trips, for the last reply to be read
	defaultRateWindow = 30 * time.Second       // survives a lost link for a moment
	defaultLeastRate  = 1 << 10                // slower than any modem; keepalive cannot see one byte a second
	defaultNotice     = 200 * time.Millisecond // a page read in memory, five times a second
	defaultSlowFlush  = 5 * time.Millisecond   // longer than 1 MiB into the page cache by an order of magnitude
)

const (
	// turnBytes bounds what one connection moves in one turn of the loop: about 150 us of splicing, so that a hundred
	// bulk transfers hold a ping up by some 15 ms. Also the size asked for pipes.
	turnBytes = 1 << 20
	// dropBody is the longest refused body that is read to nothing so that the connection lives: a chunk.
	dropBody = 8 << 20
	// firstBytes is how much of a body is copied behind the reply's header to leave in the same segment; above it the
	// header is sent with MSG_MORE.
	firstBytes = 16 << 10
	// copyBytes is the size of the buffers that take the place of pipes when the budget is used up.
	copyBytes = 128 << 10
	// writeBack is how much of a piece lands before its write-back is started. Measured, 512 MiB up over one connection and
	// durable, against a bare loop that only syncs after every 8 MiB: 1.30 of its rate with 1 MiB, 1.19 with 2, 0.87 with 4,
	// 0.89 with none; the job for each costs about 35 us, 4 % of what its bytes do.
	writeBack = 1 << 20
	// slowFor is how long a slow flush is remembered: some chunks at the rate of a disk that is the cause.
	slowFor = time.Second
	// aheadBytes is how far a source is looked at, and read if it must be, before it is spliced on the loop.
	aheadBytes = 4 << 20
	// maxLate bounds the replies of behind requests that a peer does not read.
	maxLate = 4 << 10
	// headerStep is how much room a header gets before its bytes have come: who claims 1 MiB must send it.
	headerStep = 64 << 10
	// keptRequests and keptBuffers bound the free lists of a loop.
	keptRequests = 256
	keptBuffers  = 16
)

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&l.Idle, defaultIdle}, {&l.IdleBefore, defaultIdleBefore}, {&l.Header, defaultHeader}, {&l.Linger, defaultLinger},
		{&l.RateWindow, defaultRateWindow}, {&l.Notice, defaultNotice}, {&l.SlowFlush, defaultSlowFlush},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if l.LeastRate == 0 {
		l.LeastRate = defaultLeastRate
	}
	l.IdleBefore = min(l.IdleBefore, l.Idle)
	return l
}
