package client

import (
	"os"
	"time"
)

// Options of a Remote. Only Address must be set.
type Options struct {
	Address     string        // sluice+plain://host[:port]
	Token       string        // device token; empty: not logged in
	Agent       string        // program and version, told to the server, at most 64 bytes
	Plain       bool          // allow plain TCP to other machines than this one
	Connections int           // at most so many at once, opened on demand; 0: 4
	Timeout     time.Duration // without a byte in either direction while a reply is awaited; 0: 60 s
	Retries     int           // how often a request is tried again after a temporary failure; 0: 10, -1: never
	LimitRate   int64         // bytes a second, each way, of all connections together; 0: no limit
	Congestion  string        // TCP congestion control; empty: SLUICE_CONGESTION, else the system's
}

// Defaults and limits, each with its reason.
const (
	defaultConnections = 4                // two already hide the server's sync and commit; four fill a fast link
	maxConnections     = 64               // a server counts them against an address
	defaultTimeout     = 60 * time.Second // longer than any deadline in proto.Types that does not wait
	defaultRetries     = 10               // with the back-off below 10 to 20 s: a server that restarts is back by then
	dialRetries        = 3                // of the very first connection: a wrong address is told quickly
	slowRetries        = 1                // after a time-out: the user's --timeout must not become ten times as long
	maxAgent           = 64               // bytes, by the protocol

	backoffFirst = 50 * time.Millisecond
	backoffMost  = 5 * time.Second
	// patience is the longest pause a server may ask for with retry_ms; what takes longer is the caller's to decide.
	patience = 10 * time.Second

	window     = 16               // requests on the way on one connection: hides the round trip, bounds what a lost one repeats
	pingAfter  = 30 * time.Second // of silence, so that neither end takes the connection for dead
	lastWords  = 2 * time.Second  // to read what a server that closed has said before; to give back what nobody can go on with
	pipeSize   = 1 << 20          // see the package comment of splice
	plainBelow = 64 << 10         // file bodies shorter than this go by read and write: splice costs more there
	copyPiece  = 256 << 10        // stays in a core's second-level cache between two uses

	maxListing  = 20_000_000 // entries of one listing: more is a server that never ends, not a tree
	maxRestarts = 8          // of one listing, when folders are moved under it
)

func (o Options) withDefaults() Options {
	if o.Connections <= 0 {
		o.Connections = defaultConnections
	}
	o.Connections = min(o.Connections, maxConnections)
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Retries == 0 {
		o.Retries = defaultRetries
	}
	o.Retries = max(o.Retries, 0)
	if o.Congestion == "" {
		o.Congestion = os.Getenv("SLUICE_CONGESTION")
	}
	if o.Agent == "" {
		o.Agent = "sluice"
	}
	if len(o.Agent) > maxAgent {
		o.Agent = o.Agent[:maxAgent]
	}
	return o
}
